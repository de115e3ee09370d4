"""Contestants side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.message import Message
from etude.report.figures.parts import Array, Text


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

    Few seeds that scatter give intervals of a loss that reach below zero, where no run is. Such an interval says nothing, and
    is not shown.

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

    def interval(self, arm: Arm) -> tuple[float, float] | None:
        """The interval that is shown of an arm, if there is one."""
        if arm.low is None or arm.high is None or self.withheld(arm):
            return None
        return arm.low, arm.high

    def withheld(self, arm: Arm) -> bool:
        """Whether an arm has an interval that is not shown."""
        seen = [[a.value] if a.points is None else a.points for a in self.arms]
        return arm.low is not None and arm.low < 0 <= float(np.nanmin(np.concatenate([np.ravel(own) for own in seen])))
