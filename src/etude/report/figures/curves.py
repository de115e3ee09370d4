"""Curves over training, one for each learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.message import Message
from etude.report.figures.parts import Array, same_length


@final
@dataclass(frozen=True)
class Curve:
    """One quantity over training at one learning rate.

    Attributes:
        lr: Learning rate η.
        steps: Optimizer steps made (T,), increasing.
        mean: Mean over seeds (T,); NaN where there is none.
        low: Lower end of the band over seeds (T,), or ``None``.
        high: Upper end (T,), or ``None``.
    """

    lr: float
    steps: Array
    mean: Array
    low: Array | None = None
    high: Array | None = None

    def __post_init__(self) -> None:
        same_length("Curve", self.steps, self.mean, *(a for a in (self.low, self.high) if a is not None))


@final
@dataclass(frozen=True)
class CurveFigure:
    """Curves over training, one per learning rate, coloured by it.

    Attributes:
        id: Unique on the page; lower-case letters, digits and hyphens.
        title: Heading of the figure.
        caption: What is drawn and how it was computed.
        summary: What a reader who cannot see the figure should know.
        y_label: Vertical axis, with its unit.
        curves: One per learning rate, in increasing order.
        log_y: Whether the vertical axis is logarithmic.
        y_limits: Part of the vertical axis to show; ``None`` shows what the means take up.
        target: Horizontal line, such as the loss that "steps to target" counts towards.
    """

    id: str
    title: Message
    caption: Message
    summary: Message
    y_label: Message
    curves: tuple[Curve, ...]
    log_y: bool = False
    y_limits: tuple[float, float] | None = None
    target: float | None = None
