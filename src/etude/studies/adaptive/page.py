"""The page of the étude ``adaptive``."""

from __future__ import annotations

from pathlib import Path

from etude.analysis.race.reading import Race
from etude.core.message import Message, Value
from etude.report.page import Page, Section
from etude.studies.adaptive.arms import ADAPTING, UNTUNED, USUAL, race_of
from etude.studies.adaptive.figures import (
    basin_figure,
    moments_figure,
    rates_figure,
    shapes_figure,
    usual_table,
)
from etude.studies.layout import extras, provenance
from etude.studies.races import contest_figure, labels_of, race_table, valleys_figure, ways_figure
from etude.studies.stored import StoredStudy

ANSWER = ("race_winner", "usual_lr", "widths_apart")


def lay_out(study: StoredStudy) -> Page:
    """The page: the contest, wrong learning rates, the way there, defaults, the learning rates of single weights."""
    race, labels = race_of(study.sweeps), labels_of(study.sweeps)
    arms, options = race.arms, race.options
    return Page(
        study="adaptive",
        title=Message("adaptive.title"),
        subtitle=_subtitle(study, race),
        answer=tuple(study.finding(name).statement for name in ANSWER),
        notes=tuple(f.statement for f in study.findings if f.statement.key == "race.fair.no"),
        findings=study.findings,
        sections=(
            Section(
                Message("adaptive.contest.heading"),
                (Message("adaptive.contest.prose"), Message("adaptive.contest.no_prices")),
                (contest_figure(arms, race.pairs, labels, options),),
                (race_table(arms, race.pairs, race.forgiveness, race.paces, labels, options),),
            ),
            Section(
                Message("adaptive.forgiving.heading"),
                (Message("adaptive.forgiving.prose"), *_said(study, "widths_apart")),
                (*basin_figure(race), shapes_figure(race), valleys_figure(arms, labels)),
            ),
            Section(
                Message("adaptive.usual.heading"),
                (study.finding("usual_lr").statement, study.finding("without_tuning").statement),
                (),
                (usual_table(race, USUAL, tuple(UNTUNED)),),
            ),
            Section(
                Message("adaptive.ways.heading"),
                (study.finding("race_pace").statement,),
                (ways_figure(arms, "train_loss", labels, options),),
            ),
            Section(
                Message("adaptive.rates.heading"),
                (Message("adaptive.rates.prose"), *_said(study, "spread_of_rates", "drift_of_rates")),
                (*rates_figure(race, ADAPTING), *moments_figure(race)),
            ),
        ),
        rests_on=_rests_on(study, race),
        would_change=(
            Message("adaptive.change.schedule"),
            Message("adaptive.change.settings"),
            *(Message(f"study.change.{what}") for what in ("horizon", "batch", "seeds")),
        ),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def _said(study: StoredStudy, *names: str) -> list[Message]:
    return [study.finding(name).statement for name in names]


def _subtitle(study: StoredStudy, race: Race) -> Message:
    spec = study.spec
    model = [study.task] if spec.data is None else [spec.data, "-".join([spec.model, *(str(h) for h in spec.hidden)])]
    values: dict[str, Value] = {"what": ", ".join([*model, *extras(study)]), "rules": len(race.arms)}
    values |= {"seeds": len(race.best.tuned), "steps": race.steps, "batch": race.batch_size}
    return Message("adaptive.subtitle", values)


def _rests_on(study: StoredStudy, race: Race) -> tuple[Message, ...]:
    seeds, decay = len(race.best.tuned), study.spec.weight_decay
    options = race.options
    return (
        Message("adaptive.rests.runs", {"runs": len(race.runs), "rules": len(race.arms), "seeds": seeds}),
        Message("adaptive.rests.equal", {"steps": race.steps, "batch": race.batch_size}),
        Message("adaptive.rests.tuned"),
        Message("adaptive.rests.decay") if decay is None else Message("adaptive.rests.given_decay", {"decay": decay}),
        Message("study.rests.schedule", {"schedule": study.spec.schedule, "steps": race.steps}),
        Message("adaptive.rests.tests", {"pairs": len(race.pairs), "level": 100 * options.confidence}),
        Message("study.rests.final"),
        Message("study.rests.diverged"),
        Message("study.rests.good", {"tolerance": options.tolerance, "floor": options.floor}),
    )
