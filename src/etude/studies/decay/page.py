"""The page of the étude ``decay``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from etude.analysis.race.reading import Race
from etude.core.message import Message, Value
from etude.report.figures import Line, LineFigure
from etude.report.page import Cell, Column, Page, Section, Table
from etude.studies.decay.arms import FAMILIES, METRIC, races
from etude.studies.layout import provenance, trained, would_change
from etude.studies.races import (
    Labels,
    contest_figure,
    labels_of,
    price_figure,
    race_table,
    valleys_figure,
    ways_figure,
)
from etude.studies.stored import StoredStudy

POINTS = 201
"""Places at which a schedule is drawn: enough for the corners of its steps to look like corners."""

ANSWER = ("race_winner", "race_price", "race_horizons")


def lay_out(study: StoredStudy) -> Page:
    """The page: the contest, the schedules, losses against η and over the steps, prices, horizons."""
    options = study.options
    found = races(study.sweeps, options)
    race, labels = next(iter(found.values())), labels_of(study.sweeps)
    arms, pairs = race.arms, race.pairs
    return Page(
        study="decay",
        title=Message("decay.title"),
        subtitle=_subtitle(study, race),
        answer=tuple(study.finding(name).statement for name in ANSWER),
        notes=tuple(f.statement for f in study.findings if f.statement.key == "race.fair.no"),
        findings=study.findings,
        sections=(
            Section(
                Message("decay.contest.heading"),
                (Message("decay.contest.prose"),),
                (contest_figure(arms, pairs, labels, options),),
                (race_table(arms, pairs, race.forgiveness, race.paces, labels, options),),
            ),
            Section(
                Message("decay.shapes.heading"),
                (Message("decay.shapes.prose"),),
                (_shapes(study, race), ways_figure(arms, METRIC, labels, options)),
            ),
            Section(
                Message("decay.valleys.heading"), (Message("decay.valleys.prose"),), (valleys_figure(arms, labels),)
            ),
            Section(Message("decay.price.heading"), (), (price_figure(race.prices, labels),)),
            Section(
                Message("decay.horizons.heading"),
                (Message("decay.horizons.prose"),),
                (_ratios(found, labels),),
                (_horizons_table(found, labels),),
            ),
        ),
        rests_on=_rests_on(study, found),
        would_change=(Message("decay.change.families"), *would_change()),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def _subtitle(study: StoredStudy, race: Race) -> Message:
    values: dict[str, Value] = {"what": trained(study), "families": len(race.arms), "seeds": len(study.table.seeds)}
    return Message("decay.subtitle", values | {"steps": race.steps, "batch": race.batch_size})


def _shapes(study: StoredStudy, race: Race) -> LineFigure:
    """Every schedule, drawn as its own multiple of its peak."""
    lines = []
    for sweep in study.sweeps:
        base = sweep.arm.base
        if base.steps == race.steps:
            steps = np.unique(np.linspace(0, base.steps - 1, min(POINTS, base.steps)).round())
            lines.append(Line(sweep.arm.label, steps, np.array([base.schedule(int(t)) for t in steps])))
    return LineFigure(
        id="shapes",
        title=Message("decay.shapes.title"),
        caption=Message("decay.shapes.caption"),
        summary=Message("decay.shapes.summary", {"families": len(lines), "steps": race.steps}),
        x_label=Message("page.axis.step"),
        y_label=Message("decay.axis.multiplier"),
        lines=tuple(lines),
    )


def _ratios(found: Mapping[int, Race], labels: Labels) -> LineFigure:
    """Excess of each family over the best one, at every horizon."""
    horizons = sorted(found)
    best = {steps: found[steps].best.mean for steps in horizons}
    lines = []
    for arm in found[horizons[0]].ranked:
        means = [next(a.mean for a in found[steps].arms if a.name == arm.name) for steps in horizons]
        ratio = np.array([mean / best[steps] for mean, steps in zip(means, horizons, strict=True)])
        lines.append(Line(labels[arm.name], np.array(horizons, dtype=np.float64), ratio))
    return LineFigure(
        id="horizons",
        title=Message("decay.horizons.title"),
        caption=Message("decay.horizons.caption"),
        summary=Message("decay.horizons.summary", {"families": len(lines), "horizons": len(horizons)}),
        x_label=Message("decay.axis.horizon"),
        y_label=Message("decay.axis.ratio"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
    )


def _horizons_table(found: Mapping[int, Race], labels: Labels) -> Table:
    """Mean loss and tuned peak of every family at every horizon."""
    horizons = sorted(found)
    columns = [Column(Message("race.table.arm"))]
    for steps in horizons:
        columns += [
            Column(Message("decay.table.loss", {"steps": steps}), ".4g"),
            Column(Message("decay.table.lr", {"steps": steps}), ".2g"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for arm in next(iter(found.values())).ranked:
        row: list[Cell] = [labels[arm.name]]
        for steps in horizons:
            own = next(a for a in found[steps].arms if a.name == arm.name)
            row += [own.mean, own.lr]
        rows.append(tuple(row))
    return Table(
        id="horizons-table",
        title=Message("decay.table.title"),
        columns=tuple(columns),
        rows=tuple(rows),
        caption=Message("decay.table.caption"),
    )


def _rests_on(study: StoredStudy, found: Mapping[int, Race]) -> tuple[Message, ...]:
    race = next(iter(found.values()))
    runs = len({run for sweep in study.sweeps for run in sweep.table.hashes})
    comparisons: dict[str, Value] = {"pairs": len(race.pairs), "all": sum(len(r.pairs) for r in found.values())}
    notation = "; ".join(f"{name}: {text}" for name, text in FAMILIES.items() if name != text)
    return (
        Message("decay.rests.runs", {"runs": runs, "families": len(race.arms), "horizons": len(found)}),
        Message("decay.rests.families", {"families": notation}),
        Message("decay.rests.metric"),
        Message("decay.rests.tuned"),
        Message("decay.rests.tests", comparisons | {"level": 100 * study.options.confidence}),
        Message("study.rests.paired"),
        Message("study.rests.final"),
        Message("study.rests.diverged"),
    )
