"""The report of a search: the answer, the runs that it rests on, the ramp, and what the usual rules say."""

from __future__ import annotations

import numpy as np

from etude.analysis.finder.ramp import smoothed
from etude.analysis.finder.runs import ShortRun, curve_of
from etude.core.finding import Finding, Verdict
from etude.core.message import Message
from etude.core.trace import Array
from etude.integrations.finder.answer import Answer
from etude.report.figures import Mark
from etude.report.page import Column, Estimate, LrFigure, Page, Section, Series, Table

_HEADROOM, _SIGMAS = 0.25, 4.0


def lay_out(answer: Answer, command: str = "etude.find(...)") -> Page:
    """The page of an answer; ``command`` makes it again."""
    sections = [*_runs(answer), *_ramp(answer)]
    first = 1 + len(answer.doubts)  # what speaks against it stands beside it
    if answer.verdict is None or answer.schedule is not None:
        first += 1  # why there is none, or for which schedule it holds
    return Page(
        study="find",
        title=Message("find.title"),
        answer=answer.sentences[:first],
        findings=(_finding(answer),),
        sections=tuple(sections),
        rests_on=answer.sentences[first:],
        would_change=(Message("find.would_change"),),
        command=command,
    )


def _finding(answer: Answer) -> Finding:
    verdict = answer.verdict
    return Finding(
        name="find",
        question=Message("find.question", {"horizon": answer.horizon}),
        verdict=Verdict.SUPPORTED if verdict else Verdict.INCONCLUSIVE,
        statement=answer.sentences[0] if verdict else answer.sentences[1],
        estimate=answer.lr,
        interval=answer.interval,
        details={"confidence": answer.confidence, "expected_regret": answer.regret, "edge": answer.edge},
    )


def _runs(answer: Answer) -> list[Section]:
    runs, scouts = answer.search.runs, answer.search.scouts
    if not any(run.finished for run in runs):
        return []
    tried = {run.lr for run in (*runs, *scouts)}
    lrs = np.array(sorted(tried | {answer.lr or min(tried)}))  # the answer for a long horizon may lie below all
    best, (below, beyond) = answer.search.best, answer.search.edge
    figure = LrFigure(
        id="runs",
        title=Message("find.runs.title", {"steps": answer.measured}),
        caption=Message("find.runs.caption"),
        summary=Message("find.runs.summary", {"count": len(runs), "low": min(tried), "high": max(tried)}),
        y_label=Message("find.loss"),
        lrs=lrs,
        series=(
            Series(
                Message("find.runs.series", {"steps": answer.measured}), _line(lrs, runs), points=_points(lrs, runs)
            ),
            Series(Message("find.runs.series", {"steps": scouts[0].planned}), _line(lrs, scouts)),
        ),
        best=Estimate(best.lr, best.low, best.high) if best else None,
        edge=(below, beyond) if below is not None and beyond is not None else None,
        recommended=answer.lr,
    )
    table = Table(
        "runs-table",
        Message("find.runs.table"),
        (
            Column(Message("find.column.lr")),
            Column(Message("find.column.order")),
            Column(Message("find.column.made")),
            Column(Message("find.loss"), ".4g"),
        ),
        tuple((r.lr, r.order, len(r.losses), r.value) for r in sorted(runs, key=lambda r: (r.lr, r.order))),
    )
    return [Section(Message(f"find.runs.heading.{answer.kind}"), figures=(figure,), tables=(table,))]


def _line(lrs: Array, runs: list[ShortRun]) -> Array:
    own, values = curve_of(runs)
    line = np.full(len(lrs), np.nan)
    line[np.searchsorted(lrs, own)] = np.where(np.isfinite(values), values, np.nan)
    return line


def _points(lrs: Array, runs: list[ShortRun]) -> Array:
    orders = sorted({run.order for run in runs})
    points = np.full((len(lrs), len(orders)), np.nan)
    for run in runs:
        if run.finished:
            points[np.searchsorted(lrs, run.lr), orders.index(run.order)] = run.value
    return points


def _ramp(answer: Answer) -> list[Section]:
    ramp = answer.search.ramp
    finite = np.isfinite(ramp.losses)
    if finite.sum() < 2:
        return []
    lrs, losses = ramp.lrs[finite], ramp.losses[finite]
    curve = smoothed(losses)
    low, high = float(curve.min()), answer.search.reading.base
    room = max(_HEADROOM * (high - low), _SIGMAS * answer.search.reading.noise) or 1.0
    figure = LrFigure(
        id="ramp",
        title=Message("find.ramp.title"),
        caption=Message("find.ramp.caption"),
        summary=Message("find.ramp.summary", {"low": float(lrs[0]), "high": float(lrs[-1])}),
        y_label=Message("find.loss"),
        lrs=lrs,
        series=(Series(Message("find.ramp.smoothed"), curve, points=losses[:, None]),),
        y_limits=(low - room, high + room),
        recommended=answer.lr,
        marks=tuple(Mark(lr, name) for name, lr in answer.classical.items()),
    )
    return [Section(Message("find.ramp.heading"), prose=(Message("find.ramp.prose"),), figures=(figure,))]
