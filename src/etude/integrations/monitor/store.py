"""Where a monitor's rows go: chunks on the disk, and TensorBoard, without ever ending the training."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from etude.core.errors import StorageError
from etude.core.trace import Array, Outcome
from etude.integrations.monitor.tensorboard import Mirror, summary_writer
from etude.storage.recording import RecordingWriter

CHUNK_SECONDS = 5.0
"""Between chunks, at least: what a kill can cost."""

_LONGEST_SECONDS = 60.0
_COST = 400  # the next chunk waits 400 times what the last one took: a quarter of a percent


@final
class Store:
    """Stores chunks of rows. A failing disk ends the recording, with a warning, and not the training.

    Args:
        folder: Where.
        facts: What is known of the training beside numbers.
        first_step: Step at which the training goes on; 0 for a new one.
        planned_lr: η that is meant to be applied at each step.
        tensorboard: Whether to write for TensorBoard as well.
    """

    def __init__(
        self,
        folder: Path,
        facts: Mapping[str, Any],
        first_step: int,
        planned_lr: Sequence[float] | None,
        *,
        tensorboard: bool,
    ) -> None:
        about = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine()}
        if tensorboard:
            summary_writer()  # before anything is written, say whether there is one
        self._writer: RecordingWriter | None = RecordingWriter(folder, facts, first_step, about)
        self._mirror = Mirror(folder, first_step) if tensorboard else None
        self._stored = time.perf_counter()
        self._wait = CHUNK_SECONDS
        if planned_lr is not None:
            plan = np.asarray(planned_lr, dtype=np.float64)
            self._writer.append({"plan": {"step": np.arange(len(plan), dtype=np.float64), "lr": plan}})

    @property
    def works(self) -> bool:
        """Whether anything is stored any more."""
        return self._writer is not None

    def due(self) -> bool:
        """Whether the next chunk is to be stored."""
        return time.perf_counter() - self._stored > self._wait

    def write(self, tables: Mapping[str, Mapping[str, Array]]) -> None:
        """Store a chunk."""
        began = time.perf_counter()
        with self._sparing_the_training():
            if self._writer is not None:
                self._writer.append(tables)
            if self._mirror is not None:
                self._mirror.write(tables)
        self._stored = time.perf_counter()
        self._wait = min(max(CHUNK_SECONDS, _COST * (self._stored - began)), _LONGEST_SECONDS)

    def finish(self, outcome: Outcome) -> None:
        """Say how the training ended, and close."""
        with self._sparing_the_training():
            if self._writer is not None:
                self._writer.finish(outcome)
        self._close()

    @contextmanager
    def _sparing_the_training(self) -> Iterator[None]:
        try:
            yield
        except (StorageError, OSError) as error:
            warnings.warn(f"the monitor has stopped recording: {error}", stacklevel=5)
            self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._mirror is not None:
            self._mirror.close()
        self._writer = self._mirror = None
