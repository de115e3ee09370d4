"""Quantities against the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.message import Message
from etude.report.figures.parts import Array, Mark, Text, same_length


@final
@dataclass(frozen=True)
class Estimate:
    """A learning rate on the axis of a figure, and the interval around it, if there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@final
@dataclass(frozen=True)
class Divergence:
    """How often runs diverged at each learning rate; drawn as a strip of P(diverge | η) under a figure.

    Attributes:
        lrs: Learning rates (L,); may include those of the runs that only bracketed the edge.
        diverged: Diverged runs at each (L,).
        runs: All runs at each (L,).
        low: Lower end of the interval of P(diverge | η), such as Wilson's (L,).
        high: Upper end (L,).
    """

    lrs: Array
    diverged: Array
    runs: Array
    low: Array
    high: Array

    def __post_init__(self) -> None:
        same_length("Divergence", self.lrs, self.diverged, self.runs, self.low, self.high)


@final
@dataclass(frozen=True)
class Series:
    """One quantity at each learning rate of an ``LrFigure``. NaN means "no such number": nothing is drawn.

    Attributes:
        name: In the legend.
        mean: The line (L,); drawn across a NaN between two numbers, as arms of a race have grids of their own.
        points: One value per learning rate and seed (L, S), drawn as dots; ``None`` for a mere line such as 2/η.
        low: Lower end of the interval of the mean (L,), or ``None``.
        high: Upper end (L,), or ``None``.
    """

    name: Text
    mean: Array
    points: Array | None = None
    low: Array | None = None
    high: Array | None = None

    def __post_init__(self) -> None:
        same_length("Series", self.mean, *(a for a in (self.points, self.low, self.high) if a is not None))
        if (self.low is None) != (self.high is None):
            raise ValueError("needs both low and high or neither: pass the other end of the interval")


@final
@dataclass(frozen=True)
class LrFigure:
    """Quantities against the learning rate, on a logarithmic axis.

    Attributes:
        id: Unique on the page; lower-case letters, digits and hyphens.
        title: Heading of the figure.
        caption: What is drawn and how it was computed.
        summary: What a reader who cannot see the figure should know.
        y_label: Vertical axis, with its unit.
        lrs: Learning rates (L,), increasing.
        series: One to about 25 quantities; with more than one, the reader can hide each.
        log_y: Whether the vertical axis is logarithmic.
        y_limits: Part of the vertical axis to show; ``None`` shows what the means and their intervals take up.
        best: Best learning rate with its interval.
        basin: First and last learning rate that are as good as the best.
        edge: Interval of the learning rate beyond which runs diverge.
        recommended: Recommended learning rate.
        divergence: Strip under the figure.
        marks: Labelled learning rates, such as 2/λmax.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    y_label: Message
    lrs: Array
    series: tuple[Series, ...]
    log_y: bool = False
    y_limits: tuple[float, float] | None = None
    best: Estimate | None = None
    basin: tuple[float, float] | None = None
    edge: tuple[float, float] | None = None
    recommended: float | None = None
    divergence: Divergence | None = None
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        same_length("LrFigure", self.lrs, *(s.mean for s in self.series))
        marks = [*(self.basin or ()), *(self.edge or ()), self.recommended, self.best.value if self.best else None]
        if not all(np.isfinite(lr) and lr > 0 for lr in marks if lr is not None):
            raise ValueError(f"needs positive, finite learning rates to mark, got {marks}: leave out what is not known")
