"""The record of one training that Étude does not own: appended in chunks while it runs, in a study's database.

A chunk is stored like a trace, so it has the same checksums and the same promise: what `append` was given survives a kill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from etude.core.errors import DamagedError, LockedError, SpecError, UserError
from etude.core.record import from_plain, to_plain
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.storage.database import connect
from etude.storage.guard import DATABASE, storage_errors
from etude.storage.reader import StudyInfo, StudyReader
from etude.storage.writer import StudyWriter

_OPTIONS = {"kind": "recording"}
_FACTS = "facts-{}"
_END = "end-{}"
KILLED = "killed"

Tables = dict[str, dict[str, Array]]
"""Columns by the name of their table; each table has a column ``"step"``."""


@final
@dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded of a training.

    Attributes:
        info: When and by which version it was begun, and on what.
        facts: What is known of the training beside numbers: plain JSON, from the last time it was begun.
        tables: Columns by table, in the order of their steps; NaN where a chunk lacks a column that another has.
        outcome: How it ended; ``Ending.STOPPED`` with the reason ``KILLED`` while it runs and after a kill.
    """

    info: StudyInfo
    facts: dict[str, Any]
    tables: Tables
    outcome: Outcome


@final
class RecordingWriter:
    """Appends to a recording. A context manager.

    Args:
        folder: Where; made when it is missing.
        facts: What is known beside numbers, plain JSON.
        first_step: Step at which this recording goes on; 0 for a new one. What an earlier one has from there on is passed over.
        provenance: On what it is recorded, plain JSON.

    Raises:
        UserError: When the folder holds something else, or a recording and ``first_step`` is 0, or none and it is not.
        LockedError: When another process writes there.
        StorageError: When the disk is full or failing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     with RecordingWriter(Path(out) / "run", {"rule": "SGD"}) as writer:
        ...         writer.append({"steps": {"step": np.array([0.0, 1.0]), "loss": np.array([2.3, 2.2])}})
        ...     found = read_recording(Path(out) / "run")
        >>> found.facts["rule"], found.tables["steps"]["loss"].tolist(), found.outcome.reason
        ('SGD', [2.3, 2.2], 'killed')
    """

    def __init__(
        self,
        folder: Path,
        facts: Mapping[str, Any],
        first_step: int = 0,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            self._study = StudyWriter.create_or_open(folder, _OPTIONS, provenance)
        except SpecError:
            raise UserError(f"{folder} holds a study, not a monitor's recording: choose another folder") from None
        except LockedError:
            raise LockedError(
                f"a monitor is recording in {folder} already, perhaps of this very process: close it first, or choose another "
                "folder"
            ) from None
        try:
            session = _sessions(self._study.reader)
            if session and not first_step:
                raise UserError(
                    f"{folder} holds the recording of a training already: choose another folder, or pass first_step > 0 "
                    "to go on with that training"
                )
            if first_step and not session:
                raise UserError(
                    f"{folder} holds no recording to go on with at step {first_step}: pass the folder of the first part"
                )
            self._session = session
            self._chunks = 0
            self._study.put_plan(_FACTS.format(session), {**facts, "first_step": first_step})
        except BaseException:
            self._study.close()
            raise

    def append(self, tables: Mapping[str, Mapping[str, Array]]) -> None:
        """Store one more chunk of some tables, all or none; when this returns, they survive a kill and a power cut."""
        kept = {name: columns for name, columns in tables.items() if len(columns["step"])}
        if kept:
            at = f"{self._session:04}-{self._chunks:06}"
            self._study.put_traces([_chunk(f"{at}-{name}", columns) for name, columns in kept.items()])
            self._chunks += 1

    def finish(self, outcome: Outcome) -> None:
        """Say how the training ended."""
        self._study.put_plan(_END.format(self._session), {"outcome": to_plain(outcome)})

    def close(self) -> None:
        """Let the next writer in."""
        self._study.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_recording(folder: Path) -> bool:
    """Whether a folder holds a recording, sound or not, rather than a study or something else.

    Raises:
        StorageError: When it cannot be read.
    """
    with storage_errors(folder):
        there = (folder / DATABASE).is_file()
    if not there:
        return False
    with StudyReader(folder, connect(folder, writing=False)) as reader:  # damage is for who reads it to report
        return reader.info().spec == _OPTIONS


def read_recording(folder: Path) -> Recording:
    """Read a recording, also while it is being written.

    Raises:
        UserError: When the folder holds none.
        DamagedError: When anything in it does not match its checksum.
    """
    try:
        with StudyReader.open(folder) as reader:
            info = reader.info()
            sessions = _sessions(reader)
            if info.spec != _OPTIONS or not sessions:
                raise UserError(f"{folder} holds no recording: pass the folder that a monitor wrote")
            facts = [reader.plan(_FACTS.format(i)) or {} for i in range(sessions)]
            end = reader.plan(_END.format(sessions - 1))
            chunks = sorted(reader.traces().items())
    except DamagedError as error:
        raise DamagedError(
            f"the recording in {folder} is damaged ({error}): restore it from a copy, or record the training again"
        ) from error
    tables = _joined(chunks, [int(own["first_step"]) for own in facts])
    if end is not None:
        return Recording(info, facts[-1], tables, from_plain(end["outcome"]))
    steps = tables.get("steps", {}).get("step")
    made = int(steps[-1]) + 1 if steps is not None and len(steps) else 0
    return Recording(info, facts[-1], tables, Outcome(Ending.STOPPED, made, KILLED))


def _chunk(key: str, columns: Mapping[str, Array]) -> Trace:
    return Trace(key, Outcome(Ending.STOPPED, int(columns["step"][-1]) + 1), per_step=dict(columns))


def _sessions(reader: StudyReader) -> int:
    """How often the recording was begun or gone on with."""
    count = 0
    while reader.plan(_FACTS.format(count)) is not None:
        count += 1
    return count


def _joined(chunks: list[tuple[str, Trace]], first_steps: list[int]) -> Tables:
    """One long table of each name; what a later session made again replaces what an earlier one had made."""
    parts: dict[str, list[dict[str, Array]]] = {}
    for key, trace in chunks:
        session, _, table = key.split("-", 2)
        before = min(first_steps[int(session) + 1 :], default=None)
        columns = trace.per_step
        if before is not None:
            # An evaluation at step s was made after s updates, so it belongs to the steps below s.
            kept = columns["step"] <= before if table == "evaluations" else columns["step"] < before
            columns = {name: values[kept] for name, values in columns.items()}
        parts.setdefault(table, []).append(columns)
    return {table: _concatenated(own) for table, own in parts.items()}


def _concatenated(parts: list[dict[str, Array]]) -> dict[str, Array]:
    names = dict.fromkeys(name for part in parts for name in part)
    missing = [np.full(len(part["step"]), np.nan) for part in parts]
    return {
        name: np.concatenate([part.get(name, nothing) for part, nothing in zip(parts, missing, strict=True)])
        for name in names
    }
