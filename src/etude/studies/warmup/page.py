"""The page of the étude ``warmup``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from etude.analysis.race.reading import Race
from etude.core.message import Message, Value
from etude.report.figures import RaceFigure
from etude.report.page import Page, Section
from etude.studies.layout import provenance, trained, would_change
from etude.studies.races import contest_figure, race_table, valleys_figure
from etude.studies.stored import StoredStudy
from etude.studies.warmup.arms import races
from etude.studies.warmup.figures import first_steps_figure, peaks_figure, plane_figure, rates_figure, shapes_figure

ANSWER = ("length_winner", "peak_shift", "first_steps")


def lay_out(study: StoredStudy) -> Page:
    """The page: how long, what it allows, why Adam needs it, which shape, which schedule after it."""
    found = races(study.sweeps, study.options)
    length, lengths = found["length"], found["length"].arms
    names = {arm.name: arm.name for arm in lengths}
    return Page(
        study="warmup",
        title=Message("warmup.title"),
        subtitle=_subtitle(study, length),
        answer=tuple(study.finding(name).statement for name in ANSWER),
        notes=tuple(f.statement for f in study.findings if f.statement.key == "race.fair.no"),
        findings=study.findings,
        sections=(
            Section(
                Message("warmup.length.heading"),
                (Message("warmup.length.prose"),),
                (_contest(study, length, "length"), plane_figure(study, length)),
                (race_table(lengths, length.pairs, length.forgiveness, length.paces, names, study.options),),
            ),
            Section(
                Message("warmup.allows.heading"),
                (Message("warmup.allows.prose"),),
                (peaks_figure(study, length), valleys_figure(lengths, names)),
            ),
            Section(
                Message("warmup.first.heading"),
                (Message("warmup.first.prose"),),
                (*first_steps_figure(study), *rates_figure(study)),
            ),
            Section(Message("warmup.shape.heading"), (), (_contest(study, found["shape"], "shape"),)),
            Section(
                Message("warmup.schedule.heading"),
                (Message("warmup.schedule.prose"),),
                (shapes_figure(study), _contest(study, found["schedule"], "schedule")),
            ),
        ),
        rests_on=_rests_on(study, found),
        would_change=(Message("warmup.change.rule"), *would_change()),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def _contest(study: StoredStudy, race: Race, name: str) -> RaceFigure:
    labels = {arm.name: arm.name for arm in race.arms}
    figure = contest_figure(race.arms, race.pairs, labels, study.options)
    return replace(figure, id=f"{name}-contest", title=Message(f"warmup.{name}.contest"))


def _subtitle(study: StoredStudy, race: Race) -> Message:
    values: dict[str, Value] = {"what": trained(study), "arms": len(study.sweeps), "seeds": len(study.table.seeds)}
    return Message("warmup.subtitle", values | {"steps": race.steps, "batch": race.batch_size})


def _rests_on(study: StoredStudy, found: Mapping[str, Race]) -> tuple[Message, ...]:
    runs = sum(len(sweep.table.hashes) for sweep in study.sweeps)
    comparisons = {name: len(race.pairs) for name, race in found.items()}
    lrs = int(np.mean([len(sweep.table.lrs) for sweep in study.sweeps]))
    return (
        Message(
            "warmup.rests.runs", {"runs": runs, "arms": len(study.sweeps), "lrs": lrs, "seeds": len(study.table.seeds)}
        ),
        Message("warmup.rests.races", comparisons),  # type: ignore[arg-type]
        Message("warmup.rests.peak"),
        Message("study.rests.paired"),
        Message("study.rests.final"),
        Message("study.rests.diverged"),
        Message("study.rests.interval", {"level": 100 * study.options.confidence}),
    )
