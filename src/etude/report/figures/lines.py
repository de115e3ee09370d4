"""Lines over any axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from etude.core.message import Message
from etude.report.figures.parts import Array, Mark, Text, same_length


@final
@dataclass(frozen=True)
class Line:
    """A named line of a ``LineFigure``.

    Attributes:
        name: In the legend.
        x: Positions (T,), increasing.
        y: Values (T,); a gap is left at NaN.
        low: Lower end of a band (T,), or ``None``.
        high: Upper end (T,), or ``None``.
        style: ``"line"`` for a measurement, ``"dashed"`` for theory, ``"points"`` for single measured points.
        like: Index of the line whose colour this one shares, as theory does with the measurement beside it.
    """

    name: Text
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    style: Literal["line", "dashed", "points"] = "line"
    like: int | None = None

    def __post_init__(self) -> None:
        same_length("Line", self.x, self.y, *(a for a in (self.low, self.high) if a is not None))
        if (self.low is None) != (self.high is None):
            raise ValueError("needs both low and high or neither: pass the other end of the band")


@final
@dataclass(frozen=True)
class LineFigure:
    """Named lines over anything: schedules over steps, losses of several arms, theory beside measurement.

    Attributes:
        id: Unique on the page.
        title: Heading.
        caption: What is drawn and how it was computed.
        summary: For a reader who cannot see the figure.
        x_label: Horizontal axis, with its unit; ``Message("page.axis.step")`` for steps.
        y_label: Vertical axis, with its unit.
        lines: One to about 25; the reader can hide each.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is logarithmic.
        x_limits: Part of the horizontal axis to show; ``None`` shows all.
        y_limits: Part of the vertical axis to show; ``None`` shows all lines, but not all of their bands.
        verticals: Labelled lines at an x.
        horizontals: Labelled lines at a y.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    x_label: Message
    y_label: Message
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    verticals: tuple[Mark, ...] = ()
    horizontals: tuple[Mark, ...] = ()
