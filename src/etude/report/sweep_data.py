"""Figures of one sweep over η: what the script draws, and the tables behind them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from etude.core.message import Message
from etude.report.figures import (
    BandFigure,
    Curve,
    CurveFigure,
    Divergence,
    LineFigure,
    LrFigure,
    Mark,
    Series,
)
from etude.report.numbers import NOTHING, interval, number
from etude.report.packing import EXCERPT, MAX_POINTS, packed, packed_all, spread, thinned
from etude.report.words import Both, both, word

MAX_DETAILED = 6
"""Series whose runs and intervals are drawn at once: more of them hide each other."""


def lr_data(figure: LrFigure) -> dict[str, Any]:
    """An ``LrFigure`` for the script."""
    best = figure.best
    return axes_data(figure) | {
        "kind": "lr",
        "lrs": packed_all(figure.lrs),
        "series": [_series(s) for s in figure.series],
        "best": None if best is None else [packed(best.value), packed(best.low), packed(best.high)],
        "basin": figure.basin,
        "edge": figure.edge,
        "recommended": figure.recommended,
        "divergence": None if figure.divergence is None else _divergence(figure.divergence),
        "marks": [mark_data(mark) for mark in figure.marks],
    }


def lr_table(figure: LrFigure) -> tuple[list[Both], list[list[Both]]]:
    """The numbers behind an ``LrFigure``: headings, and one row per learning rate."""
    headings = [both(word("column.lr"))]
    columns = [[number(lr, ".4g") for lr in figure.lrs]]
    for s in figure.series:
        headings.append(both(word("column.mean"), name=s.name))
        columns.append([_estimate(s, i) for i in range(len(figure.lrs))])
    if figure.divergence is not None:
        headings.append(both(word("column.diverged")))
        columns.append([_diverged_at(figure.divergence, float(lr)) for lr in figure.lrs])
    return headings, [[both(cell) for cell in row] for row in zip(*columns, strict=True)]


def lr_notes(figure: LrFigure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    detailed = [word("detailed", count=MAX_DETAILED)] if len(figure.series) > MAX_DETAILED else []
    return detailed + ([word("beyond")] if _has_points_beyond(figure) else [])


def curve_data(figure: CurveFigure) -> dict[str, Any]:
    """A ``CurveFigure`` for the script."""
    curves = [_curve(thin(curve)) for curve in figure.curves]
    return axes_data(figure) | {"kind": "curve", "curves": curves, "target": figure.target}


def curve_table(figure: CurveFigure) -> tuple[list[Both], list[list[Both]]]:
    """An excerpt of a ``CurveFigure``: one row per learning rate, a few evenly spaced steps."""
    longest = max((c.steps for c in figure.curves), key=len, default=np.empty(0))
    steps = longest[spread(len(longest), EXCERPT)]
    headings = [both(word("column.lr"))] + [both(word("column.at_step", step=int(step))) for step in steps]
    rows = [[number(c.lr, ".4g"), *(_mean_at(c, float(step)) for step in steps)] for c in figure.curves]
    return headings, [[both(cell) for cell in row] for row in rows]


def curve_notes(figure: CurveFigure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    return thinning_notes([len(c.steps) for c in figure.curves])


def thinning_notes(lengths: list[int]) -> list[Message]:
    """Says that curves of these lengths were thinned, if one was."""
    longest = max(lengths, default=0)
    return [word("thinned", kept=MAX_POINTS, points=longest)] if longest > MAX_POINTS else []


def thin(curve: Curve, keep: int = MAX_POINTS) -> Curve:
    """Keep at most ``keep`` points of a curve, the spikes among them."""
    index = thinned(curve.mean, keep)
    low, high = (None if band is None else band[index] for band in (curve.low, curve.high))
    return Curve(curve.lr, curve.steps[index], curve.mean[index], low, high)


def axes_data(figure: LrFigure | CurveFigure | LineFigure | BandFigure) -> dict[str, Any]:
    """What every figure with a quantity on its vertical axis has in common."""
    return {
        "id": figure.id,
        "yLabel": both(figure.y_label),
        "logY": figure.log_y,
        "yLimits": None if figure.y_limits is None else packed_all(np.asarray(figure.y_limits)),
    }


def mark_data(mark: Mark) -> dict[str, Any]:
    """A labelled line for the script."""
    return {"value": packed(mark.value), "label": both(mark.label)}


def _series(s: Series) -> dict[str, Any]:
    return {
        "name": both(s.name),
        "mean": packed_all(s.mean),
        "low": packed_all(s.low),
        "high": packed_all(s.high),
        "points": packed_all(s.points),
    }


def _divergence(d: Divergence) -> dict[str, Any]:
    columns = {"lrs": d.lrs, "diverged": d.diverged, "runs": d.runs, "low": d.low, "high": d.high}
    return {name: packed_all(column) for name, column in columns.items()}


def _curve(c: Curve) -> dict[str, Any]:
    columns = {"steps": c.steps, "mean": c.mean, "low": c.low, "high": c.high}
    return {"lr": packed(c.lr)} | {name: packed_all(column) for name, column in columns.items()}


def _estimate(s: Series, i: int) -> str:
    mean = float(s.mean[i])
    if s.low is None or s.high is None or not math.isfinite(mean):
        return number(mean, ".4g")
    return interval(mean, float(s.low[i]), float(s.high[i]), ".4g")


def _diverged_at(d: Divergence, lr: float) -> str:
    match = np.flatnonzero(np.isclose(d.lrs, lr, rtol=1e-9))
    return f"{d.diverged[match[0]]:.0f}/{d.runs[match[0]]:.0f}" if len(match) else NOTHING


def _mean_at(c: Curve, step: float) -> str:
    match = np.flatnonzero(c.steps == step)
    return number(float(c.mean[match[0]]), ".4g") if len(match) else NOTHING


def _has_points_beyond(figure: LrFigure) -> bool:
    if figure.y_limits is None:
        return False
    low, high = figure.y_limits
    return any(s.points is not None and bool(((s.points < low) | (s.points > high)).any()) for s in figure.series)
