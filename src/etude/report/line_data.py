"""Lines and bands: what the script draws, and the tables behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude.core.message import Message
from etude.report.figures import Array, BandFigure, BandPanel, Line, LineFigure
from etude.report.numbers import NOTHING, interval, number
from etude.report.packing import EXCERPT, MAX_POINTS, Indices, packed_all, spread, thinned
from etude.report.sweep_data import axes_data, mark_data, thinning_notes
from etude.report.words import Both, both, word


def line_data(figure: LineFigure) -> dict[str, Any]:
    """A ``LineFigure`` for the script."""
    return axes_data(figure) | {
        "kind": "line",
        "xLabel": both(figure.x_label),
        "logX": figure.log_x,
        "xLimits": figure.x_limits,
        "series": [_line(line) for line in figure.lines],
        "verticals": [mark_data(mark) for mark in figure.verticals],
        "horizontals": [mark_data(mark) for mark in figure.horizontals],
    }


def line_table(figure: LineFigure) -> tuple[list[Both], list[list[Both]]]:
    """An excerpt of a ``LineFigure``: one row per line, a few positions of the longest line.

    A line that has no point of its own near a position gets a dash there; nothing is interpolated.
    """
    longest = max((line.x for line in figure.lines), key=len, default=np.empty(0))
    at = longest[spread(len(longest), EXCERPT)]
    headings = [both(word("column.line"))] + [both(word("column.at_x", x=float(x))) for x in at]
    rows = [[both(line.name), *(both(_near(line, float(x), figure.log_x)) for x in at)] for line in figure.lines]
    return headings, rows


def line_notes(figure: LineFigure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    return thinning_notes([len(line.x) for line in figure.lines])


def band_data(figure: BandFigure) -> dict[str, Any]:
    """A ``BandFigure`` for the script."""
    return axes_data(figure) | {
        "kind": "band",
        "panels": [_panel(panel) for panel in figure.panels],
        "columns": figure.columns,
        "horizontals": [mark_data(mark) for mark in figure.horizontals],
    }


def band_table(figure: BandFigure) -> tuple[list[Both], list[list[Both]]]:
    """Median and 5th to 95th percentile of each arm at first, at the middle and at last."""
    headings = [both(word("column.arm"))] + [both(word(f"column.{when}")) for when in ("first", "middle", "last")]
    rows = [[both(panel.name), *(both(text) for text in _moments(panel))] for panel in figure.panels]
    return headings, rows


def band_notes(figure: BandFigure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    chosen = [word("chooser", count=figure.shown)] if len(figure.panels) > figure.shown else []
    return chosen + thinning_notes([len(panel.steps) for panel in figure.panels])


def _line(line: Line) -> dict[str, Any]:
    index = thinned(line.y)
    columns = {"x": line.x, "y": line.y, "low": line.low, "high": line.high}
    packed = {name: None if column is None else packed_all(column[index]) for name, column in columns.items()}
    return {"name": both(line.name), "style": line.style, "like": line.like} | packed


def _near(line: Line, x: float, log: bool) -> str:
    def place(values: Array) -> Array:
        return np.log10(np.maximum(values, 1e-300)) if log else values

    if not len(line.x):
        return NOTHING
    distance = np.abs(place(line.x) - place(np.array([x])))
    nearest = int(distance.argmin())
    close = distance[nearest] <= 0.005 * float(np.ptp(place(line.x))) + 1e-12
    return number(float(line.y[nearest]), ".4g") if close else NOTHING


def _panel(panel: BandPanel) -> dict[str, Any]:
    index = _extremes(panel.quantiles)
    return {
        "name": both(panel.name),
        "steps": packed_all(panel.steps[index]),
        "quantiles": [packed_all(column) for column in panel.quantiles[index].T],
    }


def _extremes(quantiles: Array) -> Indices:
    """Points to keep, so that both ends of the widest band keep their spikes."""
    outer = [thinned(quantiles[:, column], MAX_POINTS // 2) for column in (0, 4)]
    return np.union1d(*outer)


def _moments(panel: BandPanel) -> list[str]:
    if not len(panel.steps):
        return [NOTHING] * 3
    rows = [panel.quantiles[i] for i in (0, len(panel.steps) // 2, -1)]
    return [interval(float(q[2]), float(q[0]), float(q[4])) for q in rows]
