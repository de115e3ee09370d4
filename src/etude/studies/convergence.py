"""Étude 3, the headline: what the learning rate does to convergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isinf
from pathlib import Path

from etude.analysis.convergence import StepsToTarget, steps_to_target
from etude.analysis.convergence_findings import convergence_findings
from etude.analysis.halving import Aim
from etude.analysis.reading import SweepReading
from etude.core.finding import Finding
from etude.core.message import Message, Value
from etude.report.page import Page, Section
from etude.studies.arms import Sweep
from etude.studies.etude import Etude
from etude.studies.figures import (
    curve_figure,
    end_series,
    equal_steps_figure,
    facts,
    loss_figure,
    steps_figure,
    table_of_all,
)
from etude.studies.layout import nearest, notes, provenance, rests_on, subtitle, would_change
from etude.studies.stored import StoredStudy

METRICS = ("train_loss", "validation_loss")


def lay_out(study: StoredStudy) -> Page:
    """The page: the answer, where training ends, how it gets there, how fast, every learning rate."""
    found = steps_to_target(study.table, study.options)
    recommended = study.finding("recommended_lr").estimate
    return Page(
        study="convergence",
        title=Message("study.convergence.title"),
        subtitle=subtitle(study),
        answer=answer(study, study.training),
        notes=notes(study),
        findings=study.findings,
        sections=(
            Section(
                Message("study.convergence.end"),
                (Message("study.convergence.end_prose"),),
                (loss_figure(study, study.training, (end_series(study, "train_loss", "train"),), "final_loss"),),
            ),
            Section(
                Message("study.convergence.way"),
                (Message("study.convergence.way_prose"),),
                (curve_figure(study, "train_loss", "curves", found.target), *equal_steps_figure(study)),
            ),
            speed(study, found),
            Section(Message("study.table.heading"), (), (), (table_of_all(study, found, METRICS),)),
        ),
        rests_on=rests_on(study),
        would_change=would_change(),
        command=study.spec.command(Path(study.folder.name)),
        at=facts(study, found, METRICS),
        picked=nearest(study, recommended),
        provenance=provenance(study),
    )


def speed(study: StoredStudy, found: StepsToTarget) -> Section:
    """How many steps it takes to a stated loss."""
    return Section(
        Message("study.convergence.speed"),
        (Message("study.convergence.speed_prose" + "_chosen" * found.chosen, {"target": found.target}),),
        (steps_figure(study, found),),
    )


def answer(study: StoredStudy, reading: SweepReading) -> tuple[Message, ...]:
    """One sentence with its interval, or why there is none; then the edge."""
    recommended = study.finding("recommended_lr")
    if recommended.estimate is None:
        first = recommended.statement
    else:
        values: dict[str, Value] = {
            "lr": recommended.estimate,
            "left": reading.basin.left,
            "right": reading.basin.right,
            "best": reading.optimum.lr,
        }
        low, high = reading.optimum.interval or (reading.optimum.lr, reading.optimum.lr)
        first = Message(f"study.answer.{reading.metric}", values | {"low": low, "high": high})
    return (first, _edge(study.finding("edge")))


def _edge(found: Finding) -> Message:
    if found.estimate is None or found.interval is None:
        return found.statement
    low, high = found.interval
    values: dict[str, Value] = {"lr": found.estimate, "low": low}
    if isinf(high):
        return Message("study.answer.edge_open", values)
    return Message("study.answer.edge", values | {"high": high})


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """What the one sweep says of its training loss."""
    (sweep,) = sweeps
    return convergence_findings(sweep.table, sweep.options)


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """The best learning rate for training, and the edge."""
    return {sweep.arm.name: replace(aim, metrics=("train_loss",), edge=True) for sweep in sweeps}


CONVERGENCE = Etude(
    name="convergence",
    question=Message("study.convergence.title"),
    aims=aims,
    find=find,
    lay_out=lay_out,
)
