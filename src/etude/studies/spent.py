"""Where the runs of a search went: which learning rates got how many seeds, what was dropped, when and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from etude.analysis.halving import Aim, Standing
from etude.analysis.statistics import t_interval
from etude.core.message import Message, Value
from etude.report.page import Cell, Column, Section, Table
from etude.studies.search import Searched, searched
from etude.studies.stored import StoredStudy

COLUMNS = (
    Column(Message("page.column.lr"), ".3g"),
    *(Column(Message(f"search.spent.{name}")) for name in ("seeds", "round", "behind")),
)


def spent_section(study: StoredStudy, aims: Mapping[str, Aim]) -> Section:
    """Seeds by learning rate, or for several arms by arm, with what each of them dropped."""
    found = searched(study.sweeps, aims)
    heading = Message("search.spent.heading")
    if len(found) == 1:
        metric = found[0].found.optimum.metric
        return Section(heading, (Message(f"search.spent.prose.{metric}"),), (), (_by_lr(study, found[0]),))
    return Section(
        heading, (Message("search.arms.prose"),), (), (_by_arm(study, found), _dropped(study, found), *_again(study))
    )


def _by_lr(study: StoredStudy, own: Searched) -> Table:
    table, found = own.table, own.found
    fallen = table.diverged.sum(axis=1)
    rows = tuple((*_where(study, own, i), _verdict(found, i, int(fallen[i]))) for i in range(len(table.lrs)))
    return Table(
        id="spent",
        title=Message("search.spent.title"),
        columns=(*COLUMNS, Column(Message("search.spent.verdict"))),
        rows=rows,
        caption=Message("search.spent.caption", {"level": 100 * study.options.confidence}),
        lrs=tuple(map(float, table.lrs)),
    )


def _where(study: StoredStudy, own: Searched, i: int) -> tuple[Cell, ...]:
    """Of a learning rate: its seeds, the last round, how far it is behind."""
    lr = float(own.table.lrs[i])
    return lr, int(own.found.counts[i]), _last_rounds(study, own)[lr], _behind(own.found, i)


def _by_arm(study: StoredStudy, found: Sequence[Searched]) -> Table:
    """A row for each arm in which a best learning rate was sought."""
    rows: list[tuple[Cell, ...]] = []
    for own in found:
        counts = own.found.counts
        decades = own.decades if np.isfinite(own.decades) else None
        dropped = int((counts < len(own.table.seeds)).sum())
        lr = own.found.optimum.grid_lr
        rows.append((own.sweep.arm.name, lr, decades, len(counts), dropped, int(counts.sum()), _every(study, own)))
    headings = ("arm", "best", "width", "lrs", "dropped", "runs", "every")
    return Table(
        id="spent",
        title=Message("search.arms.title"),
        columns=tuple(Column(Message(f"search.arms.{name}"), ".2g" if name == "width" else ".3g") for name in headings),
        rows=tuple(rows),
        caption=Message("search.arms.caption", {"seeds": study.spec.seeds}),
    )


def _every(study: StoredStudy, own: Searched) -> int:
    return len(own.table.lrs) * study.spec.seeds


def _dropped(study: StoredStudy, found: Sequence[Searched]) -> Table:
    """What did not get all the seeds of its arm."""
    rows: list[tuple[Cell, ...]] = []
    for own in found:
        fallen = own.table.diverged.sum(axis=1)
        spared = np.flatnonzero(own.found.counts < len(own.table.seeds)).tolist()
        rows += [(own.sweep.arm.name, *_where(study, own, i), _why(own.found, i, int(fallen[i]))) for i in spared]
    return Table(
        id="dropped",
        title=Message("search.dropped.title"),
        columns=(Column(Message("search.arms.arm")), *COLUMNS, Column(Message("search.dropped.why"))),
        rows=tuple(rows),
        caption=Message("search.dropped.caption", {"level": 100 * study.options.confidence}),
    )


def _again(study: StoredStudy) -> tuple[Table, ...]:
    """Every arm that is compared, at its chosen learning rate in the sweep and on fresh seeds."""
    rows: list[tuple[Cell, ...]] = []
    confidence = study.options.confidence
    for finding in study.findings:
        again: dict[str, Any] = dict(finding.details) if finding.name.startswith("fresh") else {}
        for name in sorted(again.get("mean", {}), key=lambda name: float(again["mean"][name])):
            low, high = t_interval(np.asarray(again["losses"][name]), confidence)
            lr, level, mean = (float(again[key][name]) for key in ("lr", "in_sweep", "mean"))
            rows.append((name, lr, level, mean, low, high, int(again["diverged"][name])))
    if not rows:
        return ()
    headings = ("arm", "best", "level", "mean", "low", "high", "diverged")
    table = Table(
        id="fresh",
        title=Message("search.again.title"),
        columns=tuple(
            Column(Message(f"search.{'arms' if name in ('arm', 'best') else 'again'}.{name}"), ".4g")
            for name in headings
        ),
        rows=tuple(rows),
        caption=Message("search.again.caption", {"level": 100 * confidence}),
    )
    return (table,)


def _behind(found: Standing, i: int) -> Cell:
    if i == found.optimum.index or not np.isfinite(found.low[i]):
        return None
    values: dict[str, Value] = {"low": float(found.low[i]), "high": float(found.high[i])}
    return Message("search.spent.interval", values | {"value": float(found.low[i] + found.high[i]) / 2})


def _verdict(found: Standing, i: int, diverged: int) -> Message:
    if i == found.optimum.index:
        return Message("search.spent.best")
    if diverged and not found.window[i]:
        return Message("search.spent.diverged", {"count": diverged, "seeds": int(found.counts[i])})
    if found.low[i] > 0:
        return Message("search.spent.kept" if found.window[i] else "search.spent.dropped")
    return Message("search.spent.alike")


def _why(found: Standing, i: int, diverged: int) -> Message:
    if diverged:
        return Message("search.dropped.diverged", {"count": diverged, "seeds": int(found.counts[i])})
    return Message("search.dropped.worse" if found.low[i] > 0 else "search.dropped.budget")


def _last_rounds(study: StoredStudy, own: Searched) -> dict[float, int]:
    """The last round, from 1, in which each learning rate was run."""
    name = own.sweep.arm.name
    rounds = {run: n for n, ran in enumerate(study.rounds, 1) for run in ran["arms"].get(name, {"runs": []})["runs"]}
    rows = zip(own.table.lrs, own.table.cells, strict=True)
    return {float(lr): max(rounds[cell.spec_hash] for cell in row if cell is not None) for lr, row in rows}
