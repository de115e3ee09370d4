"""Figures that compare arms, families and layers, where ``page`` has those of one sweep over η.

An arm is one contestant of a race: a schedule, an update rule, a way of warming up. In every array NaN means "no such
number": a run that diverged, a grid that another arm does not share. Every figure has these four fields:

- ``id``: unique on the page; lower-case letters, digits and hyphens;
- ``title``: its heading;
- ``caption``: what is drawn and how it was computed;
- ``summary``: what a reader who cannot see the figure should know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from etude.core.message import Message

Array = NDArray[np.float64]
Text = Message | str
MISSING = Message("page.missing.diverged")


@final
@dataclass(frozen=True)
class Mark:
    """A labelled straight line across a figure, such as 2/λmax on the axis of η."""

    value: float
    label: Text

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise ValueError(f"needs a finite value to mark, got {self.value}: leave out what is not known")


@final
@dataclass(frozen=True)
class Arm:
    """One contestant of a race.

    Attributes:
        name: Its label; one line of up to about 40 characters reads best.
        value: Mean of the metric over seeds; NaN when every run diverged.
        low: Lower end of the interval of the mean, or ``None``.
        high: Upper end, or ``None``.
        points: The metric of each seed (S,), drawn as small dots, or ``None``.
        note: Shown after the number, such as the arm's own η: "η = 0.03".
        won: Whether the seeds do not tell it from the best; drawn filled and bold.
    """

    name: Text
    value: float
    low: float | None = None
    high: float | None = None
    points: Array | None = None
    note: Text | None = None
    won: bool = False


@final
@dataclass(frozen=True)
class RaceFigure:
    """A critical-difference figure: one row per arm, the best on top, bars join arms that the seeds do not tell apart.

    Attributes:
        id: Unique on the page.
        title: Heading.
        caption: What is drawn and how it was computed; says which test with which correction made the groups.
        summary: For a reader who cannot see the figure.
        x_label: The metric, with its unit.
        arms: Two to about 25, in any order.
        groups: Maximal sets of arms (indices into ``arms``) of which no two are told apart; sets of one may be left out.
        lower_is_better: Whether the smallest value wins.
        log_x: Whether the metric's axis is logarithmic.
        x_limits: Part of the axis to show; ``None`` shows all means and intervals.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    x_label: Message
    arms: tuple[Arm, ...]
    groups: tuple[tuple[int, ...], ...] = ()
    lower_is_better: bool = True
    log_x: bool = False
    x_limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        stray = sorted({i for group in self.groups for i in group} - set(range(len(self.arms))))
        if stray:
            raise ValueError(f"needs groups of indices below {len(self.arms)} arms, got {stray}: count arms from 0")


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


@final
@dataclass(frozen=True)
class Trajectory:
    """Where the weights went at one learning rate.

    Attributes:
        lr: Learning rate η.
        points: (w₁, w₂) after each step, the start first (T, 2); ends at NaN or infinity where the run diverged.
        every: Steps from one point to the next.
    """

    lr: float
    points: Array
    every: int = 1

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 2:
            raise ValueError(f"needs points of shape (T, 2) in Trajectory, got {self.points.shape}: stack w1 and w2")


@final
@dataclass(frozen=True)
class SurfacePanel:
    """The trajectories of one method, one per learning rate in increasing order."""

    name: Text
    trajectories: tuple[Trajectory, ...]


@final
@dataclass(frozen=True)
class SurfaceFigure:
    """Contours of f(w₁, w₂) and how methods move on it, playable: a slider over η, one over the steps, a play button.

    Attributes:
        id: Unique on the page.
        title: Heading.
        caption: What is drawn and how it was computed.
        summary: For a reader who cannot see the figure.
        x_label: Horizontal axis, such as w₁.
        y_label: Vertical axis, such as w₂.
        value_label: What the contours are of.
        x: Grid of w₁ (C,), increasing.
        y: Grid of w₂ (R,), increasing.
        values: f on the grid (R, C).
        panels: One to four methods side by side, with the same learning rates or their own.
        minimum: Where f is smallest, marked with a cross.
        log_levels: Whether contours lie at equal ratios of f, which shows a valley to its bottom; needs f > 0.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    x_label: Text
    y_label: Text
    value_label: Message
    x: Array
    y: Array
    values: Array
    panels: tuple[SurfacePanel, ...]
    minimum: tuple[float, float] | None = None
    log_levels: bool = True

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.y), len(self.x)):
            raise ValueError(
                f"needs values of shape (y, x) = {(len(self.y), len(self.x))} in SurfaceFigure, got {self.values.shape}: "
                "transpose"
            )


@final
@dataclass(frozen=True)
class BandPanel:
    """The distribution of a quantity over training, for one arm.

    Attributes:
        name: Above the panel.
        steps: Steps made (T,), increasing.
        quantiles: The 5th, 25th, 50th, 75th and 95th percentile (T, 5).
    """

    name: Text
    steps: Array
    quantiles: Array

    def __post_init__(self) -> None:
        if self.quantiles.shape != (len(self.steps), 5):
            raise ValueError(
                f"needs quantiles of shape {(len(self.steps), 5)} in BandPanel, got {self.quantiles.shape}: "
                "pass the percentiles 5, 25, 50, 75, 95 of each step"
            )


@final
@dataclass(frozen=True)
class BandFigure:
    """Distributions over training, one small panel per arm on common axes; with more than six, the reader chooses.

    Attributes:
        id: Unique on the page.
        title: Heading.
        caption: What is drawn and how it was computed.
        summary: For a reader who cannot see the figure.
        y_label: The quantity, with its unit.
        panels: One per arm.
        log_y: Whether the vertical axis is logarithmic.
        y_limits: Part of the vertical axis to show; ``None`` shows all quantiles.
        horizontals: Labelled lines in every panel, such as the nominal η.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    y_label: Message
    panels: tuple[BandPanel, ...]
    log_y: bool = True
    y_limits: tuple[float, float] | None = None
    horizontals: tuple[Mark, ...] = ()


def same_length(what: str, *arrays: Array) -> None:
    """Refuse arrays of unequal length.

    Raises:
        ValueError: When their first axes differ.
    """
    lengths = [len(a) for a in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"needs arrays of one length in {what}, got {lengths}: pad with NaN where there is no number")
