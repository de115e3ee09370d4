"""What the script of the HTML file needs to know of a page, and what its text says beneath each figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude.core.message import Message
from etude.report.field_data import (
    heat_data,
    heat_notes,
    heat_table,
    surface_data,
    surface_table,
)
from etude.report.figures import BandFigure, HeatFigure, LineFigure, RaceFigure, SurfaceFigure
from etude.report.line_data import band_data, band_notes, band_table, line_data, line_notes, line_table
from etude.report.packing import packed
from etude.report.page import AtLr, CurveFigure, Figure, LrFigure, Page
from etude.report.race_data import race_data, race_notes, race_table
from etude.report.sweep_data import curve_data, curve_notes, curve_table, lr_data, lr_notes, lr_table
from etude.report.words import Both, both, word

_WORDS = (
    *("mark.best", "mark.basin", "mark.edge", "mark.recommended", "mark.target"),
    *("axis.lr", "axis.step", "axis.divergence", "missing.diverged"),
    *("again.copied", "again.selected", "zoom.in", "zoom.out", "zoom.reset", "zoom.save"),
    *("play", "pause", "legend.all", "legend.none"),
)


def page_data(page: Page) -> dict[str, Any]:
    """What the script needs: words, figures, and what is known at each learning rate."""
    return {
        "title": both(page.title),
        "words": {key: both(word(key)) for key in _WORDS} | {"at_step": both(word("column.at_step", step="#"))},
        "figures": [figure_data(figure) for figure in page.figures],
        "at": [_at(at) for at in page.at],
        "picked": None if page.picked is None else nearest([at.lr for at in page.at], page.picked),
    }


def nearest(lrs: list[float], lr: float) -> int:
    """Index of the learning rate closest to ``lr`` by ratio."""
    return int(np.argmin(np.abs(np.log(np.asarray(lrs) / lr))))


def figure_data(figure: Figure) -> dict[str, Any]:
    """A figure for the script."""
    match figure:
        case LrFigure():
            return lr_data(figure)
        case CurveFigure():
            return curve_data(figure)
        case RaceFigure():
            return race_data(figure)
        case HeatFigure():
            return heat_data(figure)
        case LineFigure():
            return line_data(figure)
        case SurfaceFigure():
            return surface_data(figure)
        case BandFigure():
            return band_data(figure)


def table_behind(figure: Figure) -> tuple[list[Both], list[list[Both]]]:
    """The numbers of a figure, or an excerpt of them: headings and rows."""
    match figure:
        case LrFigure():
            return lr_table(figure)
        case CurveFigure():
            return curve_table(figure)
        case RaceFigure():
            return race_table(figure)
        case HeatFigure():
            return heat_table(figure)
        case LineFigure():
            return line_table(figure)
        case SurfaceFigure():
            return surface_table(figure)
        case BandFigure():
            return band_table(figure)


def notes_on(figure: Figure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    match figure:
        case LrFigure():
            return lr_notes(figure)
        case CurveFigure():
            return curve_notes(figure)
        case LineFigure():
            return line_notes(figure)
        case HeatFigure():
            return heat_notes(figure)
        case BandFigure():
            return band_notes(figure)
        case RaceFigure():
            return race_notes(figure)
        case SurfaceFigure():
            return []


def note_on_table(figure: Figure) -> Message | None:
    """What has to be said of the table behind a figure: what it leaves out, what its letters mean."""
    match figure:
        case RaceFigure():
            return word("letters")
        case CurveFigure():
            return word("excerpt")
        case LineFigure():
            return word("excerpt_line")
        case HeatFigure():
            return word("excerpt_heat") if max(len(figure.x.values), len(figure.frames)) > 9 else None
        case _:
            return None


def _at(at: AtLr) -> dict[str, Any]:
    return {"lr": packed(at.lr), "facts": [{"label": both(f.label), "value": both(f.value)} for f in at.facts]}
