"""The page of a study before it has a medium or a language.

``studies`` builds a ``Page``; the terminal, the HTML file, the JSON text and the PNG are made from it. Text is a
``Message`` when it has to be said in the reader's language, and a plain ``str`` when it is a name, a number or a
command that reads the same in every language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.finding import Finding
from etude.core.message import Message
from etude.report.figures import (
    BandFigure,
    Curve,
    CurveFigure,
    Divergence,
    Estimate,
    HeatFigure,
    LineFigure,
    LrFigure,
    RaceFigure,
    Series,
    SurfaceFigure,
    Text,
)

__all__ = [
    "AtLr",
    "Cell",
    "Column",
    "Curve",
    "CurveFigure",
    "Divergence",
    "Estimate",
    "Fact",
    "Figure",
    "LrFigure",
    "Page",
    "Section",
    "Series",
    "Table",
    "Text",
]

Cell = Message | str | int | float | None


@final
@dataclass(frozen=True)
class Fact:
    """A label and what is to be read beside it, such as "Final training loss" and "0.412 [0.401, 0.423]"."""

    label: Text
    value: Text


Figure = LrFigure | CurveFigure | RaceFigure | HeatFigure | LineFigure | SurfaceFigure | BandFigure


@final
@dataclass(frozen=True)
class Column:
    """Heading of a table's column, and the format specification of its numbers."""

    heading: Message
    format: str = ".3g"


@final
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


@final
@dataclass(frozen=True)
class Section:
    """A heading, what there is to say, and the figures and tables that show it.

    A table's first cell and a finding's question that equal a section's heading lead to it; a statement that stands among its
    facts is not told again.

    Attributes:
        heading: Heading.
        prose: Paragraphs, one for each.
        figures: Below them.
        tables: Below the figures.
        facts: What is to be read from the figures, point by point; between figures and tables.
        beside: Whether figures stand side by side where the screen is wide enough.
    """

    heading: Message
    prose: tuple[Message, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    facts: tuple[Fact, ...] = ()
    beside: bool = False


@final
@dataclass(frozen=True)
class AtLr:
    """What is known of one learning rate: read out when the reader picks it."""

    lr: float
    facts: tuple[Fact, ...]


@final
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
