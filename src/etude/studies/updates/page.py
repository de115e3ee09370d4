"""The page of the étude ``updates``."""

from __future__ import annotations

from pathlib import Path

from etude.analysis.statistics import means
from etude.analysis.updates.ratios import layer_ratios
from etude.core.finding import Verdict
from etude.core.message import Message, Value
from etude.report.page import AtLr, Cell, Column, Fact, Page, Section, Table
from etude.studies.layout import notes, provenance, subtitle, would_change
from etude.studies.stored import StoredStudy
from etude.studies.updates.arms import METRIC, Look, look, rule_tables
from etude.studies.updates.figures import (
    QUANTITIES,
    heat_figure,
    history_figure,
    loss_figure,
    ratio_figure,
)
from etude.studies.updates.sizes import rules_figure, sizes_figure

ANSWER = ("tells_low", "tells_high", "update_ratio")


def lay_out(study: StoredStudy) -> Page:
    """The page: the ratio against η, over layers and steps, histories, distributions, and other rules."""
    own, rules = look(study.sweeps), rule_tables(study.sweeps)
    runs = sum(len(sweep.table.hashes) for sweep in study.sweeps)
    return Page(
        study="updates",
        title=Message("updates.title"),
        subtitle=subtitle(study),
        answer=(_brief(study), *(study.finding(name).statement for name in ANSWER)),
        notes=notes(study),
        findings=study.findings,
        sections=(
            Section(
                Message("updates.ratio.heading"),
                (Message("updates.ratio.prose"),),
                (loss_figure(own), ratio_figure(own)),
                (_table(own),),
            ),
            Section(Message("updates.heat.heading"), (Message("updates.heat.prose"),), (heat_figure(own),)),
            Section(
                Message("updates.history.heading"),
                (Message("updates.history.prose"),),
                tuple(history_figure(own, quantity) for quantity in QUANTITIES),
            ),
            Section(
                Message("updates.sizes.heading"),
                (Message("updates.sizes.prose"),),
                tuple(sizes_figure(own, kind) for kind in ("weight", "gradient", "update")),
            ),
            Section(
                Message("updates.rules.heading"),
                (Message("updates.rules.prose"), study.finding("rules").statement),
                (rules_figure(rules),),
            ),
        ),
        rests_on=(
            Message("updates.rests.runs", {"runs": runs, "rules": len(rules)}),
            Message("updates.rests.typical"),
            Message("updates.rests.good"),
            Message("study.rests.paired"),
            Message("study.rests.final"),
            Message("study.rests.diverged"),
            Message("study.rests.good", {"tolerance": study.options.tolerance, "floor": study.options.floor}),
            Message("study.rests.interval", {"level": 100 * study.options.confidence}),
        ),
        would_change=(Message("updates.change.network"), *would_change()),
        command=study.spec.command(Path(study.folder.name)),
        at=_facts(own),
        picked=own.reading.optimum.grid_lr,
        provenance=provenance(study),
    )


def _brief(study: StoredStudy) -> Message:
    """Whether the update ratio tells a wrong learning rate, in a line."""
    kinds = {
        (Verdict.REFUTED, Verdict.REFUTED): "neither",
        (Verdict.SUPPORTED, Verdict.REFUTED): "low",
        (Verdict.REFUTED, Verdict.SUPPORTED): "high",
        (Verdict.SUPPORTED, Verdict.SUPPORTED): "both",
    }
    verdicts = study.finding("tells_low").verdict, study.finding("tells_high").verdict
    return Message(f"updates.brief.{kinds.get(verdicts, 'open')}")


def _facts(own: Look) -> tuple[AtLr, ...]:
    """Loss and ratios of every learning rate, for the reader who picks it."""
    losses = means(own.table.result(METRIC))
    found = []
    for row, lr in enumerate(own.table.lrs):
        facts = [Fact(Message(f"study.fact.{METRIC}"), Message("page.value.estimate", {"value": float(losses[row])}))]
        for ratio in layer_ratios(own.table, row, own.options.confidence):
            known = ratio.mean == ratio.mean  # NaN where every run left at once
            value = Message("page.value.estimate", {"value": ratio.mean}) if known else Message("page.value.none")
            facts.append(Fact(Message("updates.fact.ratio", {"layer": ratio.layer}), value))
        found.append(AtLr(float(lr), tuple(facts)))
    return tuple(found)


def _table(own: Look) -> Table:
    """Ratios of every layer at the learning rates that are shown."""
    rows: list[tuple[Cell, ...]] = []
    losses = means(own.table.result(METRIC))
    for row, lr in zip(own.rows, own.lrs, strict=True):
        for ratio in layer_ratios(own.table, row, own.options.confidence):
            values: dict[str, Value] = {"value": ratio.mean, "low": ratio.interval[0], "high": ratio.interval[1]}
            known = all(v == v for v in values.values())
            rows.append(
                (lr, float(losses[row]), ratio.layer, Message("page.value.interval", values) if known else None)
            )
    headings = ("lr", "loss", "layer", "ratio")
    return Table(
        id="ratios",
        title=Message("updates.table.title"),
        columns=tuple(Column(Message(f"updates.table.{name}"), ".3g") for name in headings),
        rows=tuple(rows),
        caption=Message("updates.table.caption", {"level": 100 * own.options.confidence}),
    )
