"""The figures and tables that several études draw from a stored sweep."""

from __future__ import annotations

import numpy as np

from etude.analysis.convergence import StepsToTarget
from etude.analysis.reading import SweepReading
from etude.analysis.summary import CurveSummary, EndSummary, summarize_curves, summarize_ends
from etude.core.message import Message, Value
from etude.core.trace import Array
from etude.report.page import AtLr, Column, Curve, CurveFigure, Divergence, Estimate, Fact, LrFigure, Series, Table
from etude.studies.stored import StoredStudy


def loss_figure(study: StoredStudy, reading: SweepReading, series: tuple[Series, ...], name: str) -> LrFigure:
    """Final losses against η, with best, basin, edge, recommendation and divergences as read for one of them."""
    shown = reading.evidence.against_curve is None
    best = reading.optimum if reading.evidence.against_best is None else None
    edge = reading.edge
    initial = float(np.mean(study.table.baseline(reading.metric)))
    return LrFigure(
        id=name.replace("_", "-"),
        title=Message(f"study.{name}.title"),
        caption=Message(f"study.{name}.caption", {"level": 100 * study.options.confidence}),
        summary=Message(
            f"study.{name}.summary",
            {"loss": reading.optimum.loss, "lr": reading.optimum.grid_lr, "initial": initial},
        ),
        y_label=Message("page.axis.loss" if len(series) > 1 else f"page.axis.{reading.metric}"),
        lrs=study.table.lrs,
        series=series,
        log_y=spans_decades([s.mean for s in series]),
        best=None if best is None else Estimate(best.lr, *(best.interval or (None, None))),
        basin=(reading.basin.left, reading.basin.right) if shown else None,
        edge=edge.band,
        recommended=study.finding("recommended_lr").estimate,
        divergence=Divergence(edge.lrs, edge.diverged.astype(float), edge.ran.astype(float), edge.low, edge.high),
    )


def end_series(study: StoredStudy, metric: str, name: str) -> Series:
    """A final number of every run, with mean and interval over seeds."""
    return series_of(summarize_ends(study.table, metric, study.options), Message(f"page.series.{name}"))


def series_of(summary: EndSummary, name: Message) -> Series:
    """A summary as a series."""
    low, high = (summary.low, summary.high) if np.isfinite(summary.low).any() else (None, None)
    return Series(name, summary.mean, summary.values, low, high)


def spans_decades(levels: list[Array]) -> bool:
    """Whether positive numbers spread so far that a linear axis would hide the small ones."""
    values = np.concatenate([v[np.isfinite(v)] for v in levels])
    return bool(len(values) and values.min() > 0 and values.max() > 8 * values.min())


def curve_figure(study: StoredStudy, metric: str, name: str, target: float | None = None) -> CurveFigure:
    """An evaluated loss over training, one curve per learning rate."""
    curves = tuple(_curve(c) for c in summarize_curves(study.table, metric, study.options))
    return CurveFigure(
        id=name.replace("_", "-"),
        title=Message(f"study.{name}.title"),
        caption=Message(f"study.{name}.caption", {"level": 100 * study.options.confidence}),
        summary=Message(f"study.{name}.summary"),
        y_label=Message(f"page.axis.{metric}"),
        curves=tuple(c for c in curves if np.isfinite(c.mean).any()),
        log_y=spans_decades([c.mean for c in curves]),
        target=target,
    )


def _curve(summary: CurveSummary) -> Curve:
    gone = summary.alive == 0
    mean, low, high = (np.where(gone, np.nan, column) for column in (summary.mean, summary.low, summary.high))
    if not np.isfinite(low).any():
        return Curve(summary.lr, summary.steps, mean)
    return Curve(summary.lr, summary.steps, mean, low, high)


def equal_steps_figure(study: StoredStudy) -> tuple[LrFigure, ...]:
    """Training loss against η after equal numbers of steps: an eighth, a quarter, half and all of the horizon.

    No figure when every run diverged before the first of them.
    """
    curves = summarize_curves(study.table, "train_loss", study.options)
    steps = study.table.steps
    columns = sorted({int(np.abs(steps - steps[-1] * share).argmin()) for share in (0.125, 0.25, 0.5, 1.0)} - {0})
    series = tuple(
        Series(Message("study.equal_steps.after", {"steps": int(steps[i])}), np.array([c.mean[i] for c in curves]))
        for i in columns
    )
    if not series:
        return ()
    figure = LrFigure(
        id="equal-steps",
        title=Message("study.equal_steps.title"),
        caption=Message("study.equal_steps.caption"),
        summary=Message("study.equal_steps.summary", {"count": len(columns)}),
        y_label=Message("page.axis.train_loss"),
        lrs=study.table.lrs,
        series=series,
        log_y=spans_decades([s.mean for s in series]),
    )
    return (figure,)


def steps_figure(study: StoredStudy, found: StepsToTarget) -> LrFigure:
    """Steps to the target against η; runs that never reach it are left out."""
    reached = np.where(np.isfinite(found.steps), found.steps, np.nan)
    median = np.where(np.isfinite(found.median), found.median, np.nan)
    return LrFigure(
        id="steps-to-target",
        title=Message("study.steps_to_target.title"),
        caption=Message("study.steps_to_target.caption", {"target": found.target}),
        summary=Message(
            "study.steps_to_target.summary", {"target": found.target, "count": int(np.isfinite(median).sum())}
        ),
        y_label=Message("page.axis.steps_to_target"),
        lrs=study.table.lrs,
        series=(Series(Message("study.steps_to_target.median"), median, reached),),
        log_y=spans_decades([median]),
    )


def facts(study: StoredStudy, found: StepsToTarget, metrics: tuple[str, ...]) -> tuple[AtLr, ...]:
    """What is known of each learning rate, for the reader who picks it."""
    ends = [(metric, summarize_ends(study.table, metric, study.options)) for metric in metrics]
    rows = []
    for i, lr in enumerate(study.table.lrs):
        diverged, ran = int(ends[0][1].diverged[i]), int(ends[0][1].ran[i])
        known = [Fact(Message(f"study.fact.{metric}"), _interval(end, i)) for metric, end in ends]
        median = found.median[i]
        steps = (
            Message("study.value.steps", {"steps": float(median)})
            if np.isfinite(median)
            else Message("page.value.not_reached")
        )
        known += [
            Fact(Message("page.fact.steps_to_target"), steps),
            Fact(Message("study.fact.diverged"), Message("page.value.of", {"count": diverged, "total": ran})),
        ]
        rows.append(AtLr(float(lr), tuple(known)))
    return tuple(rows)


def _interval(end: EndSummary, i: int) -> Message:
    if not np.isfinite(end.mean[i]):
        return Message("page.value.none")
    if not np.isfinite(end.low[i]):
        return Message("page.value.estimate", {"value": float(end.mean[i])})
    values: dict[str, Value] = {"value": float(end.mean[i]), "low": float(end.low[i]), "high": float(end.high[i])}
    return Message("page.value.interval", values)


def table_of_all(study: StoredStudy, found: StepsToTarget, metrics: tuple[str, ...]) -> Table:
    """Every learning rate in a row."""
    ends = [summarize_ends(study.table, metric, study.options) for metric in metrics]
    columns = [Column(Message("page.column.lr"), ".3g")]
    columns += [
        Column(Message(f"study.fact.{metric}"), ".1%" if metric.endswith("accuracy") else ".4g") for metric in metrics
    ]
    columns += [Column(Message("page.fact.steps_to_target"), ".0f"), Column(Message("page.column.diverged"))]
    rows = []
    for i, lr in enumerate(study.table.lrs):
        steps = float(found.median[i]) if np.isfinite(found.median[i]) else None
        numbers = [float(end.mean[i]) for end in ends]
        rows.append((float(lr), *numbers, steps, f"{ends[0].diverged[i]}/{ends[0].ran[i]}"))
    return Table(
        id="all-learning-rates",
        title=Message("study.table.title"),
        columns=tuple(columns),
        rows=tuple(rows),
        caption=Message("study.table.caption"),
        lrs=tuple(float(lr) for lr in study.table.lrs),
    )
