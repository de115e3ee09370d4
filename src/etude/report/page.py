"""The page of a study before it has a medium or a language.

``studies`` builds a ``Page``; the terminal, the HTML file, the JSON text and the PNG are made from it. Text is a
``Message`` when it has to be said in the reader's language, and a plain ``str`` when it is a name, a number or a
command that reads the same in every language.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etude.core.finding import Finding
from etude.core.message import Message
from etude.report.figures import Array, BandFigure, HeatFigure, LineFigure, Mark, RaceFigure, SurfaceFigure, same_length

Text = Message | str
Cell = Message | str | int | float | None


@dataclass(frozen=True)
class Fact:
    """A label and what is to be read beside it, such as "Final training loss" and "0.412 [0.401, 0.423]"."""

    label: Text
    value: Text


@dataclass(frozen=True)
class Estimate:
    """A learning rate on the axis of a figure, and the interval around it, if there is one."""

    value: float
    low: float | None = None
    high: float | None = None


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


Figure = LrFigure | CurveFigure | RaceFigure | HeatFigure | LineFigure | SurfaceFigure | BandFigure


@dataclass(frozen=True)
class Column:
    """Heading of a table's column, and the format specification of its numbers."""

    heading: Message
    format: str = ".3g"


@dataclass(frozen=True)
class Table:
    """A table in the text.

    Attributes:
        id: Unique on the page; lower-case letters, digits and hyphens.
        title: Heading.
        columns: Headings and number formats.
        rows: Cells; ``None`` and NaN are shown as a dash.
        caption: Explains the columns, or ``None``.
        lrs: Learning rate of each row, so that the picked one can be highlighted; empty if rows are no learning rates.
    """

    id: str
    title: Message
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: Message | None = None
    lrs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading, what there is to say, and the figures and tables that show it."""

    heading: Message
    prose: tuple[Message, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class AtLr:
    """What is known of one learning rate: read out when the reader picks it."""

    lr: float
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Page:
    """Everything a report says.

    Attributes:
        study: Name of the étude, such as ``"convergence"``.
        title: The question, as a heading.
        answer: The answer: one sentence with its interval, then at most a few that qualify it.
        findings: What was concluded, in the order to be read.
        sections: The evidence.
        rests_on: What the answer rests on: assumptions, definitions, amounts.
        would_change: What would change the answer.
        command: Shell command that makes the study again.
        subtitle: What was trained on what, and how often.
        notes: What the reader must know before the figures: a grid that was extended, thin evidence, broken data.
        at: The learning rates that can be picked, in increasing order; empty if there is nothing to pick.
        picked: The learning rate that is picked when the page opens (one of ``at``), or ``None``.
        provenance: Versions, hashes, dates.
    """

    study: str
    title: Message
    answer: tuple[Message, ...]
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    rests_on: tuple[Message, ...]
    would_change: tuple[Message, ...]
    command: str
    subtitle: Message | None = None
    notes: tuple[Message, ...] = ()
    at: tuple[AtLr, ...] = ()
    picked: float | None = None
    provenance: tuple[Fact, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures in the order of the text."""
        return tuple(figure for section in self.sections for figure in section.figures)
