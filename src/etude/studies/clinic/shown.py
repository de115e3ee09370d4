"""Which measurement decides a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Pick: TypeAlias = Literal["column", "max", "min", "layers", "depth", "time", "edge", "fork"]


@dataclass(frozen=True)
class Shown:
    """A measurement to draw.

    Attributes:
        column: Name of a column, or with a slash at its end the prefix of a family with one column for each layer.
        pick: A column of every run; of a family the highest or lowest layer of every run, all layers of the sick run over the
            steps, or every run's first evaluation over the depth or over a recurrent network's time; the column times η; or
            the losses of a fork test.
        block: Whether steps are drawn as medians of blocks, which hides single ones.
        log: Whether the axis is logarithmic, where all values are positive.
    """

    column: str
    pick: Pick = "column"
    block: bool = True
    log: bool = True

    @property
    def key(self) -> str:
        """What its sentences are called."""
        return self.column.removesuffix("/") + ("_layers" if self.pick == "layers" else "")
