"""The page of the étude ``gradients``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etude.core.message import Message, Value
from etude.report.figures import RaceFigure
from etude.report.page import LrFigure, Page, Section, Table
from etude.studies.gradients.arms import deep_sweeps, map_sweeps, race_of
from etude.studies.gradients.figures import by_depth, depth_maps, in_training, through_time, trainability_map
from etude.studies.gradients.networks import DEPTHS, TIMES, WIDTH, WITHOUT
from etude.studies.layout import extras, provenance, would_change
from etude.studies.races import Labels, contest_figure, race_table, valleys_figure
from etude.studies.stored import StoredStudy

ANSWER = ("exploding_remedy", "vanishing_remedy")


def lay_out(study: StoredStudy) -> Page:
    """The page: signals by depth, what trains, the map, the remedies for both patients, gradients through time."""
    deep, runs = deep_sweeps(study.sweeps), sum(len(sweep.table.hashes) for sweep in study.sweeps)
    level: dict[str, Value] = {"level": 100 * study.options.confidence}
    return Page(
        study="gradients",
        title=Message("gradients.title"),
        subtitle=_subtitle(study),
        answer=(_brief(study), *(study.finding(name).statement for name in ANSWER)),
        findings=study.findings,
        sections=(
            Section(
                Message("gradients.signals.heading"),
                (Message("gradients.signals.prose"),),
                tuple(by_depth(deep, act, what) for act in ("relu", "tanh") for what in ("delta", "activation")),
            ),
            Section(
                Message("gradients.training.heading"),
                (Message("gradients.training.prose"),),
                (in_training(deep, "relu"), in_training(deep, "tanh")),
            ),
            Section(
                Message("gradients.depths.heading"),
                (Message("gradients.depths.prose"),),
                (*depth_maps(deep, "relu"), *depth_maps(deep, "tanh")),
            ),
            Section(
                Message("gradients.map.heading"),
                (Message("gradients.map.prose"),),
                (trainability_map(map_sweeps(study.sweeps)),),
            ),
            _race(study, "exploding"),
            _race(study, "vanishing"),
            _race(study, "time"),
        ),
        rests_on=(
            Message("gradients.rests.runs", {"runs": runs, "arms": len(study.sweeps)}),
            Message(
                "gradients.rests.networks", {"width": WIDTH, "depths": ", ".join(map(str, DEPTHS)), "times": TIMES}
            ),
            Message("gradients.rests.basin", {"tolerance": study.options.tolerance}),
            Message("gradients.rests.grid"),
            Message("study.rests.paired"),
            Message("study.rests.final"),
            Message("study.rests.diverged"),
            Message("study.rests.interval", level),
        ),
        would_change=(Message("gradients.change.networks"), *would_change()),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def _brief(study: StoredStudy) -> Message:
    """How deep the default trains, in a line."""
    statement = study.finding("default_depth").statement
    kind = statement.key.rpartition(".")[2]
    said = {"stops": ("next", "most", "others"), "all": ("most",), "none": ("most", "others")}[kind]
    return Message(f"gradients.brief.{kind}", {name: statement.values[name] for name in said})


def _race(study: StoredStudy, part: str) -> Section:
    """One patient and its remedies, each at its own best learning rate."""
    race = race_of(study.sweeps, part)
    labels: Labels = {
        arm.name: Message("gradients.remedies.without") if arm.name == WITHOUT else arm.name for arm in race.arms
    }
    contest: RaceFigure = contest_figure(race.arms, race.pairs, labels, race.options)
    valleys: LrFigure = valleys_figure(race.arms, labels)
    table: Table = race_table(race.arms, race.pairs, race.forgiveness, race.paces, labels, race.options)
    families: dict[str, Value] = {"level": 100 * race.options.confidence, "own": len(race.arms) - 1}
    families |= {"among": len(race.pairs) - len(race.arms) + 1}
    contest = replace(contest, id=f"{part}-contest", caption=Message("gradients.contest.caption", families))
    figures = (contest, replace(valleys, id=f"{part}-valleys"))
    return Section(
        Message(f"gradients.{part}.heading"),
        (Message(f"gradients.{part}.prose"),),
        (through_time(study.sweeps), *figures) if part == "time" else figures,
        (replace(table, id=f"{part}-arms"),),
    )


def _subtitle(study: StoredStudy) -> Message:
    spec, base = study.spec, study.sweep.arm.base
    data = spec.data or study.task.partition(": ")[0]
    what = ", ".join([data, type(base.rule).__name__, *extras(study)])
    values: dict[str, Value] = {"what": what, "arms": len(study.sweeps), "seeds": len(study.table.seeds)}
    return Message("gradients.subtitle", values | {"steps": base.steps, "batch": base.batch_size})
