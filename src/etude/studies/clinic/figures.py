"""The figures of a case, all of its first seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.record import RunRecord
from etude.core.message import Message
from etude.core.trace import Array, Trace
from etude.report.figures import Line, LineFigure, Mark
from etude.studies.clinic.measures import fork_of
from etude.studies.clinic.shown import Shown
from etude.studies.clinic.visits import Visit
from etude.studies.clinic.ward import Patient

BLOCK = 5
"""Steps whose losses are drawn as their median: batches scatter, and a page of forty figures has to load."""

FEW = 20
"""Steps of a run that ended so soon that each is drawn."""

MOST_LOSS = 1000.0
"""Highest loss that is drawn [nats]; what explodes leaves the figure through its ceiling."""

LIMIT = 2.0
"""Largest η·λ at which plain gradient descent does not leave a parabola."""

_NOTHING = (np.zeros(1), np.array([np.nan]))
_AXES = {"depth": "clinic.axis.layer", "time": "clinic.axis.time", "fork": "clinic.axis.factor"}


def loss_figure(patient: Patient) -> LineFigure:
    """Loss of the sick run, of the healthy twin, and of the healed run where there is one."""
    lines = _lines(patient, _losses)
    drawn = np.concatenate([line.y for line in lines])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    return LineFigure(
        id=f"{patient.name}-loss",
        title=Message("clinic.loss.title"),
        caption=Message("clinic.loss.caption", {"block": BLOCK}),
        summary=Message("clinic.loss.summary", {"lines": len(lines)}),
        x_label=Message("page.axis.step"),
        y_label=Message("page.axis.loss"),
        lines=lines,
        log_y=True,
        y_limits=(0.8 * float(drawn.min()), 1.25 * min(float(drawn.max()), MOST_LOSS)),
        horizontals=(Mark(patient.case.chance, Message("clinic.mark.chance")),),
    )


def deciding_figure(patient: Patient) -> LineFigure:
    """The measurement that decides."""
    shown, sick = patient.case.shown, patient.courses[0].visits[0]
    if shown.pick == "layers":
        families = _family(sick.trace, shown.column)
        lines = tuple(Line(name, *_blocks(column)) for name, column in families.items() if "bias" not in name)
    else:
        lines = _lines(patient, lambda trace: _read(trace, shown))
    drawn = np.concatenate([line.y for line in lines])
    drawn = drawn[np.isfinite(drawn)]
    axis = _AXES.get(shown.pick, "page.axis.step")
    return LineFigure(
        id=f"{patient.name}-decides",
        title=Message(f"clinic.shown.{shown.key}.title"),
        caption=Message(f"clinic.shown.{shown.key}.caption"),
        summary=Message("clinic.loss.summary", {"lines": len(lines)}),
        x_label=Message(axis),
        y_label=Message(f"clinic.shown.{shown.key}.axis"),
        lines=lines,
        log_y=shown.log and bool((drawn > 0).all()),
        log_x=shown.pick == "fork",
        horizontals=(Mark(LIMIT, Message("clinic.mark.limit")),) if shown.pick == "edge" else (),
    )


def _lines(patient: Patient, read: Callable[[Trace], tuple[Array, Array]]) -> tuple[Line, ...]:
    """One line for each run of the first seed that has the numbers."""
    course, twin = patient.courses[0], patient.twins[0]
    runs: list[tuple[str, Visit]] = [("sick", course.visits[0]), ("twin", twin)]
    if len(course.visits) > 1:
        runs.append(("healed", course.visits[-1]))
    found = []
    for kind, run in runs:
        x, y = read(run.trace)
        if np.isfinite(y).any():
            found.append(Line(Message(f"clinic.line.{kind}", {"lr": run.lr}), x, y))
    return tuple(found)


def _losses(trace: Trace) -> tuple[Array, Array]:
    loss = trace.per_step["loss"]
    return _blocks(loss) if len(loss) > FEW else (np.arange(float(len(loss))), _finite(loss))


def _read(trace: Trace, shown: Shown) -> tuple[Array, Array]:
    """Positions and values of what is shown of a run."""
    match shown.pick:
        case "depth":
            first = [float(column[0]) for column in _family(trace, shown.column).values() if len(column)]
            return np.arange(1.0, len(first) + 1), np.array(first)
        case "time":
            numbered = {n.rpartition("/")[2]: column for n, column in _family(trace, shown.column).items()}
            times = sorted(int(n) for n in numbered if n.isdigit())
            return np.array(times) + 1.0, np.array([float(numbered[str(t)][0]) for t in times])
        case "max":
            columns = np.array(list(_family(trace, shown.column).values()))
            return (trace.evaluations["step"], columns.max(axis=0)) if len(columns) else _NOTHING
        case "min":
            return _blocks(np.array(list(_family(trace, shown.column).values())).min(axis=0))
        case "edge":
            return trace.evaluations["step"], trace.evaluations[shown.column] * trace.per_step["lr"][0]
        case "fork":
            fork = fork_of(trace)
            return _NOTHING if fork is None else (fork.factors, _finite(fork.after.mean(axis=0)))
        case _ if shown.column in trace.evaluations:
            return trace.evaluations["step"], trace.evaluations[shown.column]
    column = trace.per_step.get(shown.column, np.array([np.nan]))
    return _blocks(column) if shown.block else (np.arange(float(len(column))), column)


def _family(trace: Trace, prefix: str) -> dict[str, Array]:
    """Columns of the layers, in their order."""
    name = prefix.removesuffix("/")
    return Evidence(RunRecord(trace)).family(name, steps=any(c.startswith(prefix) for c in trace.per_step))


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)


def _blocks(values: Array) -> tuple[Array, Array]:
    """Medians of blocks of steps, at the middle of each; what is not finite is left out.

    Example:
        >>> x, y = _blocks(np.array([1.0, 9.0, 1.0, 1.0, 1.0, 7.0]))
        >>> x.tolist(), y.tolist()
        ([2.0, 5.0], [1.0, 7.0])
    """
    starts = range(0, len(values), BLOCK)
    parts = [values[start : start + BLOCK] for start in starts]
    middles = [start + (len(part) - 1) / 2 for start, part in zip(starts, parts, strict=True)]
    known = [part[np.isfinite(part)] for part in parts]
    return np.array(middles), np.array([float(np.median(part)) if len(part) else np.nan for part in known])
