"""An étude over a second axis: a whole sweep over the learning rate for each value of another hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from etude.analysis.along import Along, along_findings, read_along
from etude.analysis.halving import Aim
from etude.analysis.race.forgiveness import forgiveness
from etude.analysis.race.pace import paces
from etude.analysis.statistics import means
from etude.core.errors import SpecError
from etude.core.finding import Finding
from etude.core.measure import Measure
from etude.core.message import Message, Value
from etude.report.figures import HeatAxis, HeatFigure, Line, LineFigure
from etude.report.page import Page, Section
from etude.studies.arms import Arm, Sweep, tables
from etude.studies.bases import base_run
from etude.studies.etude import Etude, Tasks, one_arm
from etude.studies.figures import spans_decades
from etude.studies.grids import parse_axis
from etude.studies.layout import provenance, rests_on, trained, would_change
from etude.studies.races import contest_figure, labels_of, race_table, valleys_figure
from etude.studies.spec import StudySpec
from etude.studies.stored import StoredStudy


def with_second_axis(etude: Etude, spec: StudySpec) -> Etude:
    """The étude as it is over the second axis that the options name; itself where they name none.

    Raises:
        SpecError: When the étude compares arms of its own.
    """
    if spec.grid is None:
        return etude
    if etude.arms is not one_arm:
        raise SpecError(
            f"{etude.name} compares arms of its own and takes no second axis, got {spec.grid!r}: leave it out"
        )
    find, lay_out_page = partial(_find, etude, spec), partial(_lay_out, etude)
    aims = etude.aims if isinstance(etude.aims, str) else partial(_aims, etude)
    return replace(etude, arms=_arms, find=find, lay_out=lay_out_page, aims=aims)


def _aims(etude: Etude, sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """The best learning rate by which values are compared, and the basin, at every one of them; the edge as well."""
    return {s.arm.name: replace(aim, metrics=(etude.objective,), edge=True, basin=True) for s in sweeps}


def _arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    (task,) = tasks.values()
    return tuple(
        Arm(name, name.replace("=", " = "), base_run(own, task, measures), tuple(own.lrs))
        for name, own in spec.along().items()
    )


def _read(etude: Etude, spec: StudySpec, sweeps: Sequence[Sweep]) -> Along:
    assert spec.grid is not None, "else there is one sweep"
    axis = parse_axis(spec.grid)
    return read_along(axis.key, axis.values, tables(sweeps), etude.objective, sweeps[0].options)


def _find(etude: Etude, spec: StudySpec, sweeps: Sequence[Sweep]) -> list[Finding]:
    return along_findings(_read(etude, spec, sweeps), etude.objective, sweeps[0].options)


def _lay_out(etude: Etude, study: StoredStudy) -> Page:
    """The page: the answer, the plane, how best and edge move, the race between the values."""
    along, options = _read(etude, study.spec, study.sweeps), study.options
    arms, labels = along.arms, labels_of(study.sweeps)
    table = race_table(arms, along.pairs, forgiveness(arms, options), paces(arms, options), labels, options)
    key: dict[str, Value] = {"key": along.key}
    counts = key | {"values": len(along.values), "seeds": len(study.table.seeds)}
    runs = sum(len(sweep.table.hashes) for sweep in study.sweeps)
    return Page(
        study=study.spec.etude,
        title=Message(f"along.title.{etude.objective}", key),
        subtitle=Message("along.subtitle", counts | {"what": trained(study), "steps": study.horizon}),
        answer=tuple(finding.statement for finding in study.findings),
        findings=study.findings,
        sections=(
            Section(Message("along.map.heading"), (), (_map(along, etude.objective),)),
            Section(Message("along.track.heading"), (), (_track(along, 100 * options.confidence),)),
            Section(
                Message("along.contest.heading"),
                (),
                (contest_figure(arms, along.pairs, labels, options), valleys_figure(arms, labels)),
                (table,),
            ),
        ),
        rests_on=(Message("along.rests.runs", counts | {"runs": runs}), *rests_on(study)[1:]),
        would_change=(Message("along.change.grid", key), *would_change()),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def _map(along: Along, metric: str) -> HeatFigure:
    lrs = np.unique(np.concatenate([arm.table.lrs for arm in along.arms]))
    values = np.full((len(along.arms), len(lrs)), np.nan)
    for row, arm in enumerate(along.arms):
        values[row, np.searchsorted(lrs, arm.table.lrs)] = means(arm.table.result(metric))
    best = tuple((row, int(np.searchsorted(lrs, arm.lr))) for row, arm in enumerate(along.arms))
    about: dict[str, Value] = {"values": len(along.values), "key": along.key, "lrs": len(lrs)}
    about |= {"loss": float(np.nanmin(values))}
    return HeatFigure(
        id="plane",
        title=Message(f"along.map.title.{metric}", {"key": along.key}),
        caption=Message("along.map.caption"),
        summary=Message("along.map.summary", about),
        x=HeatAxis(Message("page.axis.lr"), lrs, log=True),
        y=HeatAxis(Message("along.axis", {"key": along.key}), tuple(f"{value:g}" for value in along.values)),
        value_label=Message(f"page.axis.{metric}"),
        values=values,
        marks=best,
        log_colour=spans_decades([values.ravel()]),
        missing=Message("along.map.missing"),
    )


def _track(along: Along, level: float) -> LineFigure:
    x = np.array(along.values)
    known = [reading.evidence.against_best is None for reading in along.readings]
    optima = [reading.optimum for reading in along.readings]
    nothing = (np.nan, np.nan)
    best = np.array([o.lr if k else np.nan for o, k in zip(optima, known, strict=True)])
    ends = np.array([(o.interval or nothing) if k else nothing for o, k in zip(optima, known, strict=True)])
    edge = np.array([reading.edge.estimate or np.nan for reading in along.readings])
    return LineFigure(
        id="track",
        title=Message("along.track.title", {"key": along.key}),
        caption=Message("along.track.caption", {"level": level}),
        summary=Message("along.track.summary", {"values": len(x), "key": along.key}),
        x_label=Message("along.axis", {"key": along.key}),
        y_label=Message("page.axis.lr"),
        lines=(
            Line(Message("along.track.best"), x, best, ends[:, 0], ends[:, 1]),
            Line(Message("along.track.edge"), x, edge),
        ),
        log_x=bool(x[0] > 0 and x[-1] > 8 * x[0]),
        log_y=True,
    )
