"""The figures of the étude ``warmup``."""

from __future__ import annotations

import numpy as np

from etude.analysis.race.reading import Race
from etude.analysis.statistics import means
from etude.analysis.warmup import find_ceiling, half_way
from etude.core.message import Message
from etude.core.trace import Array
from etude.report.figures import BandFigure, BandPanel, HeatAxis, HeatFigure, Line, LineFigure
from etude.studies.arms import Sweep
from etude.studies.figures import spans_decades
from etude.studies.stored import StoredStudy
from etude.studies.warmup.arms import LENGTHS, METRIC, SCHEDULES, SHARES, WATCHED
from etude.studies.warmup.find import lengths_of

LEVELS = ("q05", "q25", "q50", "q75", "q95")
POINTS = 201
"""Places at which a schedule is drawn."""


def plane_figure(study: StoredStudy, race: Race) -> HeatFigure:
    """Final loss over length and peak, at the learning rates that every length was run at."""
    lrs = np.array(sorted(set.intersection(*(set(arm.table.lrs.tolist()) for arm in race.arms))))
    values = np.array([means(arm.table.result(METRIC))[np.searchsorted(arm.table.lrs, lrs)] for arm in race.arms])
    return HeatFigure(
        id="plane",
        title=Message("warmup.plane.title"),
        caption=Message("warmup.plane.caption"),
        summary=Message(
            "warmup.plane.summary", {"lengths": len(race.arms), "lrs": len(lrs), "seeds": len(study.table.seeds)}
        ),
        x=HeatAxis(Message("page.axis.lr"), lrs, log=True),
        y=HeatAxis(Message("warmup.axis.length"), tuple(arm.name for arm in race.arms)),
        value_label=Message(f"page.axis.{METRIC}"),
        values=values,
        marks=tuple((row, int(np.argmin(line))) for row, line in enumerate(values)),
        log_colour=spans_decades([values.ravel()]),
        cell_format=".3g",
    )


def peaks_figure(study: StoredStudy, race: Race) -> LineFigure:
    """Best peak, and the highest that still trains, against the length of the warm-up."""
    x = np.array([SHARES[arm.name] for arm in race.arms])
    level = half_way({arm.name: arm.table for arm in race.arms}, METRIC)
    ceilings = [find_ceiling(arm.table, METRIC, level, study.options) for arm in race.arms]
    best = [arm.optimum for arm in race.arms]
    return LineFigure(
        id="peaks",
        title=Message("warmup.peaks.title"),
        caption=Message("warmup.peaks.caption", {"level": 100 * study.options.confidence, "loss": level}),
        summary=Message("warmup.peaks.summary", {"lengths": len(x)}),
        x_label=Message("warmup.axis.length"),
        y_label=Message("page.axis.lr"),
        lines=(
            _line(Message("warmup.peaks.ceiling"), x, [c.estimate for c in ceilings], [c.interval for c in ceilings]),
            _line(Message("along.track.best"), x, [o.lr for o in best], [o.interval for o in best]),
        ),
        log_y=True,
    )


def _line(name: Message, x: Array, middle: list[float], ends: list[tuple[float, float] | None]) -> Line:
    band = np.array([(np.nan, np.nan) if e is None else e for e in ends])
    band = np.where(np.isfinite(band) & (band > 0), band, np.nan)
    return Line(name, x, np.array(middle), band[:, 0], band[:, 1])


def _watched(study: StoredStudy) -> list[tuple[str, Sweep]]:
    by_schedule = {sweep.arm.name: sweep for sweep in study.sweeps}
    return [(name, by_schedule[text]) for name, text in LENGTHS.items() if text in WATCHED]


def first_steps_figure(study: StoredStudy) -> tuple[LineFigure, ...]:
    """Length of every update per unit of learning rate; none where a run at the best learning rate diverged."""
    lines = []
    for name, sweep in _watched(study):
        found = lengths_of(sweep, study.options)
        if found is not None:
            ratio = found[1].ratio
            steps = np.arange(1.0, ratio.shape[1] + 1)
            middle = np.exp(np.log(np.maximum(ratio, 1e-12)).mean(axis=0))
            lines.append(Line(name, steps, middle, ratio.min(axis=0), ratio.max(axis=0)))
    if not lines:
        return ()
    figure = LineFigure(
        id="first-steps",
        title=Message("warmup.lengths.title"),
        caption=Message("warmup.lengths.caption"),
        summary=Message("warmup.lengths.summary", {"first": float(lines[0].y[0])}),
        x_label=Message("page.axis.step"),
        y_label=Message("warmup.axis.ratio"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
    )
    return (figure,)


def rates_figure(study: StoredStudy) -> tuple[BandFigure, ...]:
    """Distribution of the effective learning rate over parameters, at each watched arm's best peak."""
    panels = []
    for name, sweep in _watched(study):
        best = int(np.argmin(means(sweep.table.result(METRIC))))
        cell = next((c for c in sweep.table.cells[best] if c is not None and not c.outcome.diverged), None)
        if cell is not None and f"effective_lr/{LEVELS[0]}" in cell.evaluations:
            columns = np.array([cell.evaluations[f"effective_lr/{level}"] for level in LEVELS]).T
            known = np.isfinite(columns).all(axis=1) & (columns > 0).all(axis=1)
            panels.append(BandPanel(name, cell.evaluations["step"][known], columns[known]))
    if not panels:
        return ()
    figure = BandFigure(
        id="rates",
        title=Message("warmup.rates.title"),
        caption=Message("warmup.rates.caption"),
        summary=Message("warmup.rates.summary", {"panels": len(panels)}),
        y_label=Message("warmup.axis.rate"),
        panels=tuple(panels),
    )
    return (figure,)


def shapes_figure(study: StoredStudy) -> LineFigure:
    """The schedules that begin with a warm-up, as multiples of their peak."""
    by_schedule = {sweep.arm.name: sweep.arm.base for sweep in study.sweeps}
    lines = []
    for name, text in SCHEDULES.items():
        base = by_schedule[text]
        steps = np.unique(np.linspace(0, base.steps - 1, min(POINTS, base.steps)).round())
        lines.append(Line(name, steps, np.array([base.schedule(int(t)) for t in steps])))
    return LineFigure(
        id="shapes",
        title=Message("warmup.shapes.title"),
        caption=Message("warmup.shapes.caption"),
        summary=Message("warmup.shapes.summary", {"schedules": len(lines)}),
        x_label=Message("page.axis.step"),
        y_label=Message("warmup.axis.multiplier"),
        lines=tuple(lines),
    )
