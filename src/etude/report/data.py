"""A page's figures and learning rates as JSON for the script of the HTML file, and as tables for its text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from etude.core.finding import Finding
from etude.core.message import Message
from etude.report import catalogue
from etude.report.catalogue import LANGUAGES, say
from etude.report.figures import Array
from etude.report.numbers import NOTHING, interval, number
from etude.report.page import (
    AtLr,
    Curve,
    CurveFigure,
    Divergence,
    Figure,
    LrFigure,
    Page,
    Series,
    Text,
)

Both = dict[str, str]
"""One text in every language."""

MAX_POINTS = 400
"""Points kept of one curve: about one per CSS pixel that half a figure has."""

_EXCERPT = 9
_WORDS = (
    *(
        "mark.best",
        "mark.basin",
        "mark.edge",
        "mark.recommended",
        "mark.target",
        "axis.lr",
        "axis.step",
        "axis.divergence",
    ),
    *("again.copied", "again.selected", "zoom.in", "zoom.out", "zoom.reset", "zoom.save"),
)


def both(text: Text, **parts: Text) -> Both:
    """Say a text in every language; ``parts`` are texts that go into a message's placeholders."""
    if isinstance(text, str):
        return dict.fromkeys(LANGUAGES, text)
    return {
        language: say(
            Message(text.key, text.values | {name: say(part, language) for name, part in parts.items()}), language
        )
        for language in LANGUAGES
    }


def word(key: str, **values: str | float) -> Message:
    """A fixed word of the page."""
    return Message(f"page.{key}", dict(values))


def estimate(finding: Finding) -> Text:
    """A finding's estimate with its interval and unit, or a dash."""
    if finding.estimate is None:
        return NOTHING
    found = finding.estimate, finding.interval
    text = number(found[0]) if found[1] is None else interval(found[0], *found[1])
    key = finding.unit.replace(" ", "_")
    if f"page.unit.{key}" in catalogue.catalogue():
        return word(f"unit.{key}", estimate=text)
    return f"{text} {finding.unit}".strip()


def page_data(page: Page) -> dict[str, Any]:
    """What the script needs: words, figures, and what is known at each learning rate."""
    return {
        "title": both(page.title),
        "words": {key: both(word(key)) for key in _WORDS},
        "figures": [_figure(figure) for figure in page.figures],
        "at": [_at(at) for at in page.at],
        "picked": None if page.picked is None else nearest([at.lr for at in page.at], page.picked),
    }


def nearest(lrs: list[float], lr: float) -> int:
    """Index of the learning rate closest to ``lr`` by ratio."""
    return int(np.argmin(np.abs(np.log(np.asarray(lrs) / lr))))


def thin(curve: Curve, keep: int = MAX_POINTS) -> Curve:
    """Keep at most ``keep`` points: of each of keep/2 equal intervals the lowest and the highest mean.

    Spikes survive, unlike with every n-th point. Where a curve turns NaN, the first NaN is kept, so that the line ends
    there.
    """
    if len(curve.steps) <= keep:
        return curve
    chosen: set[int] = {0, len(curve.steps) - 1}
    for part in np.array_split(np.arange(1, len(curve.steps) - 1), keep // 2 - 1):
        finite = part[np.isfinite(curve.mean[part])]
        if len(finite):
            chosen |= {int(finite[np.argmin(curve.mean[finite])]), int(finite[np.argmax(curve.mean[finite])])}
        else:
            chosen.add(int(part[0]))
    index = np.array(sorted(chosen))
    low, high = (None if band is None else band[index] for band in (curve.low, curve.high))
    return Curve(curve.lr, curve.steps[index], curve.mean[index], low, high)


def lr_table(figure: LrFigure) -> tuple[list[Both], list[list[str]]]:
    """The numbers behind an ``LrFigure``: headings, and one row per learning rate."""
    headings = [both(word("column.lr"))]
    columns = [[number(lr, ".4g") for lr in figure.lrs]]
    for s in figure.series:
        headings.append(both(word("column.mean"), name=s.name))
        columns.append([_estimate(s, i) for i in range(len(figure.lrs))])
    if figure.divergence is not None:
        headings.append(both(word("column.diverged")))
        columns.append([_diverged_at(figure.divergence, float(lr)) for lr in figure.lrs])
    return headings, [list(row) for row in zip(*columns, strict=True)]


def curve_table(figure: CurveFigure) -> tuple[list[Both], list[list[str]]]:
    """An excerpt of a ``CurveFigure``: one row per learning rate, a few evenly spaced steps."""
    longest = max((c.steps for c in figure.curves), key=len, default=np.empty(0))
    steps = longest[np.unique(np.linspace(0, len(longest) - 1, _EXCERPT).astype(int))] if len(longest) else longest
    headings = [both(word("column.lr"))] + [both(word("column.at_step", step=int(step))) for step in steps]
    rows = [[number(c.lr, ".4g"), *(_mean_at(c, float(step)) for step in steps)] for c in figure.curves]
    return headings, rows


def _figure(figure: Figure) -> dict[str, Any]:
    common = {
        "id": figure.id,
        "yLabel": both(figure.y_label),
        "logY": figure.log_y,
        "yLimits": None if figure.y_limits is None else _numbers(np.asarray(figure.y_limits)),
    }
    if isinstance(figure, CurveFigure):
        curves = [_curve(thin(curve)) for curve in figure.curves]
        return common | {"kind": "curve", "curves": curves, "target": figure.target}
    best = figure.best
    return common | {
        "kind": "lr",
        "lrs": _numbers(figure.lrs),
        "series": [_series(s) for s in figure.series],
        "best": None if best is None else [_number(best.value), _number(best.low), _number(best.high)],
        "basin": figure.basin,
        "edge": figure.edge,
        "recommended": figure.recommended,
        "divergence": None if figure.divergence is None else _divergence(figure.divergence),
    }


def _series(s: Series) -> dict[str, Any]:
    return {
        "name": both(s.name),
        "mean": _numbers(s.mean),
        "low": _numbers(s.low),
        "high": _numbers(s.high),
        "points": None if s.points is None else [_numbers(row) for row in s.points],
    }


def _divergence(d: Divergence) -> dict[str, Any]:
    columns = {"lrs": d.lrs, "diverged": d.diverged, "runs": d.runs, "low": d.low, "high": d.high}
    return {name: _numbers(column) for name, column in columns.items()}


def _curve(c: Curve) -> dict[str, Any]:
    columns = {"steps": c.steps, "mean": c.mean, "low": c.low, "high": c.high}
    return {"lr": _number(c.lr)} | {name: _numbers(column) for name, column in columns.items()}


def _at(at: AtLr) -> dict[str, Any]:
    return {"lr": _number(at.lr), "facts": [{"label": both(f.label), "value": both(f.value)} for f in at.facts]}


def _number(value: float | None) -> float | None:
    """Six significant digits are finer than a pixel; JSON has no NaN and no infinity."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _numbers(values: Array | None) -> list[float | None] | None:
    return None if values is None else [_number(float(v)) for v in values]


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
