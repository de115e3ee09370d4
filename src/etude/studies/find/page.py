"""The page of the étude ``find``."""

from __future__ import annotations

from pathlib import Path

from etude.core.message import Message, Value
from etude.report.page import Page, Section
from etude.studies.find.arms import HIGH, LOW, RAMPS, USUAL
from etude.studies.find.figures import (
    drift_figure,
    length_figure,
    price_figure,
    price_table,
    ramp_figure,
    truth_figure,
)
from etude.studies.find.find import LOSES, read
from etude.studies.layout import provenance, trained, would_change
from etude.studies.races import labels_of
from etude.studies.stored import StoredStudy

ANSWER = ("range_test", "ramp_length", "short_runs")


def lay_out(study: StoredStudy) -> Page:
    """The page: the ramp, the truth, what each method loses, the length of the ramp, the horizon."""
    reading, level = read(study.sweeps, study.options), 100 * study.options.confidence
    labels = labels_of(study.sweeps)
    values: dict[str, Value] = {"seeds": len(study.table.seeds), "steps": study.horizon}
    runs = sum(len(sweep.table.hashes) for sweep in study.sweeps)
    return Page(
        study="find",
        title=Message("find_study.title"),
        subtitle=Message("find_study.subtitle", values | {"what": trained(study), "batch": study.spec.batch_size}),
        answer=tuple(study.finding(name).statement for name in ANSWER),
        findings=study.findings,
        sections=(
            Section(Message("find_study.ramp.heading"), (Message("find_study.ramp.prose"),), (ramp_figure(reading),)),
            Section(
                Message("find_study.truth.heading"),
                (Message("find_study.truth.prose", {"steps": study.horizon}),),
                (truth_figure(reading, labels),),
            ),
            Section(
                Message("find_study.price.heading"),
                (Message("find_study.price.prose"),),
                (price_figure(reading, study.options.confidence),),
                (price_table(reading),),
            ),
            Section(
                Message("find_study.length.heading"), (Message("find_study.length.prose"),), (length_figure(reading),)
            ),
            Section(
                Message("find_study.drift.heading"),
                (Message("find_study.drift.prose"),),
                (drift_figure(reading, level),),
            ),
        ),
        rests_on=(
            Message("find_study.rests.runs", {"runs": runs, "seeds": len(study.table.seeds)}),
            Message("find_study.rests.ramps", {"low": LOW, "high": HIGH, "usual": USUAL, "most": RAMPS[-1]}),
            Message("find_study.rests.rules"),
            Message("find_study.rests.regret", {"share": 100 * LOSES, "methods": len(reading.prices), "level": level}),
            Message("study.rests.paired"),
            Message("study.rests.diverged"),
        ),
        would_change=(Message("find_study.change.task"), *would_change()),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )
