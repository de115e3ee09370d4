"""Trajectories on a surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.message import Message
from etude.report.figures.parts import Array, Text


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
