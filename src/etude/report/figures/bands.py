"""Distributions over training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.message import Message
from etude.report.figures.parts import Array, Mark, Text


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
    """Distributions over training, one small panel per arm on common axes; of more than two rows, the reader chooses.

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
        columns: Panels in a row where there is room for them.
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
    columns: int = 3

    @property
    def shown(self) -> int:
        """How many panels are shown at first: two rows."""
        return 2 * self.columns
