"""A monitor's numbers for TensorBoard as well, written by whichever library is installed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, final

from etude.core.errors import UserError
from etude.core.trace import Array

_TABLES = ("steps", "layers", "angles", "readings", "evaluations")


@final
class Mirror:
    """Writes recorded numbers as scalars, each under the name of its column.

    Args:
        folder: Where the event file goes.
        first_step: Step at which a training goes on; what an event file has from there on is passed over by TensorBoard.

    Raises:
        UserError: When neither tensorboardX nor tensorboard is installed.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self._writer = summary_writer()(str(folder), purge_step=first_step or None)

    def write(self, tables: Mapping[str, Mapping[str, Array]]) -> None:
        """Write a chunk."""
        for table in _TABLES:
            columns = tables[table]
            for name, values in columns.items():
                if name != "step":
                    for step, value in zip(columns["step"], values, strict=True):
                        if not math.isnan(value):
                            self._writer.add_scalar(name, value, int(step))
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


def summary_writer() -> Any:
    """The class that writes event files.

    Raises:
        UserError: When neither tensorboardX nor tensorboard is installed.
    """
    for module in ("torch.utils.tensorboard", "tensorboardX"):
        try:
            return import_module(module).SummaryWriter
        except ImportError:
            continue
    raise UserError(
        "tensorboard=True needs tensorboardX or tensorboard, and neither is installed: pip install tensorboardX"
    )
