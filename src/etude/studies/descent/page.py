"""The page of the étude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from etude.analysis.descent.cases import Bracket, Case, Problem
from etude.analysis.descent.fastest import heavy_ball_steps, steps_to
from etude.analysis.descent.theory import Method
from etude.core.message import Message
from etude.report.page import Cell, Column, Page, Section, Table
from etude.studies.descent.arms import BATCH, GAIN, USUAL_MOMENTUM, arm_name, cases, noise_cases, quadratics_of
from etude.studies.descent.figures import (
    by_name,
    floor_figure,
    gain_figure,
    method_label,
    rates_figure,
    real_figure,
    surface_figure,
)
from etude.studies.descent.problems import BOWL, DIRECTIONS, LOCAL, MAIN, RIDGE_NAME
from etude.studies.layout import provenance
from etude.studies.stored import StoredStudy

ANSWER = ("edge", "momentum", "noise_floor", "textbook_bound")


def lay_out(study: StoredStudy) -> Page:
    """The page: rates against η, trajectories to play with, momentum's gain, the noise floor, real data, the table."""
    problems = stored_problems(study.finding("edge").details["problems"])
    ran, sweeps = cases(study.sweeps, problems), by_name(study.sweeps)
    both = (Method.GRADIENT_DESCENT, Method.HEAVY_BALL)
    main = [ran[arm_name(MAIN, method)] for method in (*both, Method.NESTEROV)]
    main.append(ran[arm_name(MAIN, Method.HEAVY_BALL, USUAL_MOMENTUM)])
    slow, fast = ([ran[arm_name(name, method)] for name in quadratics_of(ran)] for method in both)
    real = [ran[arm_name(name, method)] for name in (RIDGE_NAME, *LOCAL) for method in both]
    return Page(
        study="descent",
        title=Message("descent.title"),
        subtitle=Message("descent.subtitle", {"seeds": len(study.table.seeds), "runs": _runs(study)}),
        answer=tuple(study.finding(name).statement for name in ANSWER),
        findings=study.findings,
        sections=(
            Section(Message("descent.rates.heading"), (Message("descent.rates.prose"),), (rates_figure(main),)),
            Section(
                Message("descent.surface.heading"),
                (Message("descent.surface.prose"),),
                (surface_figure([sweeps[arm_name(BOWL, method)] for method in both]),),
            ),
            Section(
                Message("descent.gain.heading"),
                (Message("descent.gain.prose"),),
                (gain_figure(slow, fast, GAIN),),
                (_gain_table(slow, fast),),
            ),
            Section(
                Message("descent.floor.heading"),
                (Message("descent.floor.prose", {"batch": BATCH}),),
                (floor_figure(noise_cases(study.sweeps)),),
            ),
            Section(
                Message("descent.real.heading"),
                (Message("descent.real.prose"),),
                (
                    real_figure(
                        [ran[arm_name(name, both[0])] for name in (RIDGE_NAME, LOCAL[1])], "digits", (0.97, 1.03)
                    ),
                    real_figure([ran[arm_name(LOCAL[0], both[0])]], "logistic", (0.4, 1.1)),
                ),
            ),
            Section(Message("descent.table.heading"), (), (), (_theory_table([*main, *real]),)),
        ),
        rests_on=(
            Message("descent.rests.runs", {"runs": _runs(study), "seeds": len(study.table.seeds)}),
            *(Message(f"descent.rests.{what}") for what in ("exact", "edge", "rate", "noise", "real")),
        ),
        would_change=tuple(Message(f"descent.change.{what}") for what in ("network", "noise", "horizon")),
        command=study.spec.command(Path(study.folder.name)),
        provenance=provenance(study),
    )


def stored_problems(plain: Any) -> dict[str, Problem]:
    """The problems as a finding stores them."""
    return {
        name: Problem(name, np.array(own["eigenvalues"], dtype=np.float64), own["minimum"], own["bound"])
        for name, own in plain.items()
    }


def _runs(study: StoredStudy) -> int:
    return len({run for sweep in study.sweeps for run in sweep.table.hashes})


def _theory_table(cases: Sequence[Case]) -> Table:
    """Edge, fastest η and rate of every case, theory beside measurement."""
    headings = ("problem", "method", "edge", "edge_measured", "rate", "rate_measured")
    formats = ("", "", ".4g", "", ".4f", ".4f")
    return Table(
        id="theory",
        title=Message("descent.table.title"),
        columns=tuple(
            Column(Message(f"descent.column.{heading}"), form or ".3g")
            for heading, form in zip(headings, formats, strict=True)
        ),
        rows=tuple(_row(case) for case in cases),
        caption=Message("descent.table.caption"),
    )


def _row(case: Case) -> tuple[Cell, ...]:
    rate: float | None = None
    measured: float | None = None
    if case.tuned:
        rate = case.best.rate
        found = case.rates[case.nearest(case.best.lr)]
        measured = float(found.mean()) if not np.isnan(found).any() else None
    return (
        Message(f"descent.problem.{case.problem.name}"),
        method_label(case.name, case.momentum),
        case.edge,
        _between(case.measured_edge),
        rate,
        measured,
    )


def _between(bracket: Bracket | None) -> Cell:
    return None if bracket is None else Message("descent.value.between", {"low": bracket.low, "high": bracket.high})


def _gain_table(slow: Sequence[Case], fast: Sequence[Case]) -> Table:
    rows = []
    for without, with_it in zip(slow, fast, strict=True):
        steps = [float(np.mean(c.steps(GAIN)[c.nearest(c.best.lr)])) for c in (without, with_it)]
        theory = (
            steps_to(GAIN * DIRECTIONS / 2, without.best.rate),
            heavy_ball_steps(GAIN, with_it.best.rate, 1 / DIRECTIONS),
        )
        gain, promised = steps[0] / steps[1], np.log(with_it.best.rate) / np.log(without.best.rate)
        rows.append((without.problem.condition, steps[0], theory[0], steps[1], theory[1], gain, float(promised)))
    headings = ("condition", "plain_steps", "plain_theory", "ball_steps", "ball_theory", "gain", "promised")
    formats: Mapping[str, str] = {"condition": ".0f", "gain": ".1f", "promised": ".1f"}
    return Table(
        id="gains",
        title=Message("descent.gain.table"),
        columns=tuple(Column(Message(f"descent.column.{h}"), formats.get(h, ".0f")) for h in headings),
        rows=tuple(rows),
        caption=Message("descent.gain.table_caption", {"share": GAIN}),
    )
