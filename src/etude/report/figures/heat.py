"""Values on a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.message import Message
from etude.report.figures.parts import MISSING, Array, Text


@final
@dataclass(frozen=True)
class HeatAxis:
    """One axis of a ``HeatFigure``.

    Attributes:
        label: What lies along it, with its unit.
        values: Labels of categories, drawn with equal widths, or numbers (N,), increasing.
        log: Whether numbers lie on a logarithmic axis.
    """

    label: Message
    values: tuple[Text, ...] | Array
    log: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.values, np.ndarray):
            if not (np.diff(self.values) > 0).all():
                raise ValueError(f"needs increasing numbers on a heat axis, got {self.values}: sort rows and columns")
            if self.log and len(self.values) and self.values[0] <= 0:
                raise ValueError(f"needs positive numbers on a logarithmic axis, got {self.values[0]:g}: use log=False")


@final
@dataclass(frozen=True)
class HeatFrame:
    """What a ``HeatFigure`` shows at one learning rate.

    Attributes:
        lr: Learning rate η.
        values: Numbers (R, C).
        marks: Cells (row, column) that are framed.
    """

    lr: float
    values: Array
    marks: tuple[tuple[int, int], ...] = ()


@final
@dataclass(frozen=True)
class HeatFigure:
    """A value over two axes as coloured cells, for one learning rate at a time if it has ``frames``.

    Attributes:
        id: Unique on the page.
        title: Heading.
        caption: What is drawn and how it was computed.
        summary: For a reader who cannot see the figure.
        x: Horizontal axis (C).
        y: Vertical axis (R); the first category is on top, the smallest number below.
        value_label: What the colour means, with its unit.
        values: Numbers (R, C); NaN is hatched. With ``frames``, what a medium without a slider shows.
        marks: Cells (row, column) that are framed, such as the best of each row.
        frames: One per learning rate, in increasing order; the picked learning rate chooses, and so does a slider.
        log_colour: Whether the colour scale is logarithmic.
        limits: Ends of the colour scale; ``None`` spans all frames. Beyond them colours stay those of the ends.
        cell_format: Format of the numbers written into the cells, such as ``".2g"``; ``None`` writes none.
        missing: What it means that a cell has no number.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    x: HeatAxis
    y: HeatAxis
    value_label: Message
    values: Array
    marks: tuple[tuple[int, int], ...] = ()
    frames: tuple[HeatFrame, ...] = ()
    log_colour: bool = False
    limits: tuple[float, float] | None = None
    cell_format: str | None = None
    missing: Message = MISSING

    def __post_init__(self) -> None:
        needed = len(self.y.values), len(self.x.values)
        for values in (self.values, *(frame.values for frame in self.frames)):
            if values.shape != needed:
                raise ValueError(
                    f"needs values of shape (y, x) = {needed} in HeatFigure, got {values.shape}: transpose"
                )
