"""Sweeps that spend their runs where the best learning rate is decided, until it is known as well as was asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from etude.analysis.halving import FIRST_SEEDS, Aim, Standing, halve, standing, width
from etude.analysis.planning import Plan
from etude.core.errors import SpecError
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.report.page import Cell, Column, Page, Section, Table
from etude.studies.arms import Arm, Sweep
from etude.studies.etude import Etude, extend_and_bracket
from etude.studies.spec import StudySpec
from etude.studies.stored import StoredStudy


def with_precision(etude: Etude, spec: StudySpec) -> Etude:
    """The étude with sweeps that stop at the precision that the options name; itself where they name none.

    Raises:
        SpecError: When the étude asks for more than a best learning rate, so that no run can be spared.
    """
    if spec.precision is None:
        return etude
    if not etude.sought:
        several = "a second axis" if spec.grid is not None else etude.name
        raise SpecError(
            f"{several} compares runs on equal seeds and takes no precision, got {spec.precision:g}: leave it out"
        )
    edge = etude.plan is extend_and_bracket
    aim = Aim(etude.sought, spec.precision, spec.seeds, spec.budget, edge)
    return replace(
        etude,
        aim=aim,
        plan=partial(_plan, aim),
        find=partial(_find, etude, aim),
        lay_out=partial(_lay_out, etude, aim),
    )


def first_plan(etude: Etude, arm: Arm) -> Plan:
    """What an arm runs in its first round."""
    first = tuple(range(FIRST_SEEDS))
    return Plan(arm.lrs, (), {} if etude.aim is None else dict.fromkeys(arm.lrs, first))


def _plan(aim: Aim, sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:
    return {sweep.arm.name: halve(sweep.table, sweep.options, aim) for sweep in sweeps}


def _find(etude: Etude, aim: Aim, sweeps: Sequence[Sweep]) -> list[Finding]:
    (sweep,) = sweeps
    return [*etude.find(sweeps), _search(sweep, aim)]


def _search(sweep: Sweep, aim: Aim) -> Finding:
    """How far the search came, and what it cost."""
    table = sweep.table.comparable()
    found = width(standing(table, aim.metrics[0], sweep.options).optimum)
    level, runs = len(table.seeds), len(sweep.table.hashes)
    values: dict[str, Value] = {"runs": runs, "every": len(table.lrs) * aim.seeds, "seeds": aim.seeds}
    values |= {"asked": aim.precision, "lrs": len(table.lrs)}
    question = Message("search.question")
    if math.isinf(found):
        return Finding("search", question, Verdict.INCONCLUSIVE, Message("search.open", values), runs=table.hashes)
    end = "reached" if found <= aim.precision else "seeds" if level >= aim.seeds else "budget"
    statement = Message(f"search.{end}", values | {"width": found})
    verdict = Verdict.SUPPORTED if end == "reached" else Verdict.INCONCLUSIVE
    return Finding("search", question, verdict, statement, found, unit="decades", runs=table.hashes)


def _lay_out(etude: Etude, aim: Aim, study: StoredStudy) -> Page:
    page = etude.lay_out(study)
    added = tuple(found.statement for found in study.findings if found.name == "fresh")
    return replace(page, answer=(*page.answer, *added), sections=(*page.sections, _spent(aim, study)))


def _spent(aim: Aim, study: StoredStudy) -> Section:
    """Which learning rates got how many seeds, and why no more."""
    table = study.table.comparable()
    found = standing(table, aim.metrics[0], study.options)
    last = _last_rounds(study)
    rows = tuple(
        (float(lr), int(found.counts[i]), last[float(lr)], _behind(found, i), _verdict(found, i, int(fallen)))
        for i, (lr, fallen) in enumerate(zip(table.lrs, table.diverged.sum(axis=1), strict=True))
    )
    shown = Table(
        id="spent",
        title=Message("search.spent.title"),
        columns=(
            Column(Message("page.column.lr"), ".3g"),
            Column(Message("search.spent.seeds")),
            Column(Message("search.spent.round")),
            Column(Message("search.spent.behind")),
            Column(Message("search.spent.verdict")),
        ),
        rows=rows,
        caption=Message("search.spent.caption", {"level": 100 * study.options.confidence}),
        lrs=tuple(map(float, table.lrs)),
    )
    return Section(Message("search.spent.heading"), (Message(f"search.spent.prose.{aim.metrics[0]}"),), (), (shown,))


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


def _last_rounds(study: StoredStudy) -> dict[float, int]:
    """The last round, from 1, in which each learning rate was run."""
    name = study.sweep.arm.name
    rounds = {run: n for n, ran in enumerate(study.rounds, 1) for run in ran["arms"].get(name, {"runs": []})["runs"]}
    rows = zip(study.table.lrs, study.table.cells, strict=True)
    return {float(lr): max(rounds[cell.spec_hash] for cell in row if cell is not None) for lr, row in rows}
