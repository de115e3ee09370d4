"""Figures of a recorded training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from etude.analysis.diagnosis.verdict import Diagnosis
from etude.core.message import Message
from etude.core.trace import Array
from etude.report.figures import Line, LineFigure, Mark
from etude.studies.diagnosis.observed import Observed

_STEP = Message("page.axis.step")
_MOST_LINES = 12
_WINDOWS = 100  # of the running median over a run


def figures_of(training: Observed, diagnoses: Sequence[Diagnosis]) -> tuple[LineFigure, ...]:
    """Loss, learning rate, gradient norm, update ratios: those that were recorded."""
    columns = {**training.drawn, **training.record.trace.per_step}
    found = [
        _loss(training, diagnoses),
        _rate(training, columns.get("lr")),
        _gradient(columns.get("gradient_norm")),
        _ratios(training),
    ]
    return tuple(figure for figure in found if figure is not None)


def _loss(training: Observed, diagnoses: Sequence[Diagnosis]) -> LineFigure | None:
    loss = training.record.trace.per_step.get("loss", np.zeros(0))
    finite = loss[np.isfinite(loss)]
    if not len(finite):
        return None
    steps = np.arange(len(loss), dtype=np.float64)
    drawn = np.where(np.isfinite(loss), loss, np.nan)
    middle = running_median(drawn)
    lines = [Line(Message("monitor.line.batch"), steps, drawn), Line(Message("monitor.line.median"), steps, middle)]
    evaluations = training.record.trace.evaluations
    held_out = evaluations.get("validation_loss")
    if held_out is not None and np.isfinite(held_out).any():
        known = np.isfinite(held_out)
        lines.append(Line(Message("monitor.line.validation"), evaluations["step"][known], held_out[known]))
    values: dict[str, str | int | float] = {
        "first": float(finite[0]),
        "last": float(finite[-1]),
        "lowest": float(np.nanmin(middle)),
    }
    return LineFigure(
        id="loss",
        title=Message("monitor.figure.loss"),
        caption=Message("monitor.figure.loss.caption"),
        summary=Message("monitor.figure.loss.summary", values),
        x_label=_STEP,
        y_label=Message("monitor.axis.loss"),
        lines=tuple(lines),
        log_y=bool((finite > 0).all()),
        verticals=tuple(
            Mark(float(d.began), Message(f"monitor.fault.{d.fault.value}"))
            for d in diagnoses
            if d.accuses and d.began is not None and 0 < d.began < len(loss)
        ),
    )


def _rate(training: Observed, lr: Array | None) -> LineFigure | None:
    if lr is None or not np.isfinite(lr).any():
        return None
    trace = training.record.trace
    groups = {name.removeprefix("lr/"): column for name, column in trace.per_step.items() if name.startswith("lr/")}
    if groups:
        lines = [
            Line(Message("monitor.line.group", {"index": name}), _steps(column), column)
            for name, column in groups.items()
        ]
    else:
        lines = [Line(Message("monitor.line.applied"), _steps(lr), lr)]
    planned = training.record.planned_lr
    if planned is not None:
        lines.append(Line(Message("monitor.line.planned"), _steps(planned), planned, style="dashed"))
    return LineFigure(
        id="learning-rate",
        title=Message("monitor.figure.lr"),
        caption=Message("monitor.figure.lr.caption"),
        summary=Message("monitor.figure.lr.summary", {"low": float(np.nanmin(lr)), "high": float(np.nanmax(lr))}),
        x_label=_STEP,
        y_label=Message("monitor.axis.lr"),
        lines=tuple(lines[:_MOST_LINES]),
        y_limits=(0.0, 1.1 * max(float(np.nanmax(line.y, initial=0.0)) for line in lines) or 1.0),
    )


def _gradient(norm: Array | None) -> LineFigure | None:
    known = np.zeros(0, dtype=bool) if norm is None else np.isfinite(norm)
    if norm is None or not known.any():
        return None
    values: dict[str, str | int | float] = {
        "median": float(np.median(norm[known])),
        "high": float(np.percentile(norm[known], 95)),
    }
    return LineFigure(
        id="gradient-norm",
        title=Message("monitor.figure.gradient"),
        caption=Message("monitor.figure.gradient.caption"),
        summary=Message("monitor.figure.gradient.summary", values),
        x_label=_STEP,
        y_label=Message("monitor.axis.norm"),
        lines=(Line(Message("monitor.line.batch"), np.flatnonzero(known).astype(np.float64), norm[known]),),
        log_y=bool((norm[known] > 0).all()),
    )


def _ratios(training: Observed) -> LineFigure | None:
    """Those of weights; biases begin at zero, and their ratios tell nothing."""
    columns = {
        name.removeprefix("update_ratio/"): column
        for name, column in training.record.trace.per_step.items()
        if name.startswith("update_ratio/") and "bias" not in name and (np.nan_to_num(column) > 0).any()
    }
    if not columns:
        return None
    medians = {name: float(np.nanmedian(column)) for name, column in columns.items()}
    middle = float(np.median(list(medians.values())))
    odd = sorted(columns, key=lambda name: -abs(np.log(max(medians[name], 1e-300) / max(middle, 1e-300))))
    chosen = [name for name in columns if name in set(odd[:_MOST_LINES])]
    lines = []
    for name in chosen:
        known = np.flatnonzero(np.nan_to_num(columns[name]) > 0)
        lines.append(Line(name, known.astype(np.float64), columns[name][known]))
    values: dict[str, str | int | float] = {"low": min(medians.values()), "high": max(medians.values())}
    return LineFigure(
        id="update-ratio",
        title=Message("monitor.figure.ratio"),
        caption=Message("monitor.figure.ratio.caption"),
        summary=Message("monitor.figure.ratio.summary", values),
        x_label=_STEP,
        y_label=Message("monitor.axis.ratio"),
        lines=tuple(lines),
        log_y=True,
    )


def running_median(values: Array) -> Array:
    """Median of the stretch around each entry, a hundredth of the whole long and at least five; NaN where there is none.

    Example:
        >>> running_median(np.array([1.0, 9.0, 1.0, 1.0, 1.0])).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    width = max(len(values) // _WINDOWS, 5)
    edges = [*range(0, len(values), width), len(values)]
    parts = [values[a:b][np.isfinite(values[a:b])] for a, b in pairwise(edges)]
    levels = [float(np.median(part)) if len(part) else np.nan for part in parts]
    return np.repeat(levels, np.diff(edges))


def _steps(column: Array) -> Array:
    return np.arange(len(column), dtype=np.float64)
