"""Sweeps that spend their runs where the best learning rate is decided, until it is known as well as was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from etude.analysis.halving import FIRST_SEEDS, Aim, halve
from etude.analysis.halving_arms import Side, halve_arms
from etude.analysis.planning import Plan
from etude.core.errors import SpecError
from etude.core.finding import Finding
from etude.core.message import Message
from etude.report.page import Page
from etude.studies.arms import Arm, Sweep
from etude.studies.etude import Etude, one_arm
from etude.studies.search import search_finding
from etude.studies.spec import StudySpec
from etude.studies.spent import spent_section
from etude.studies.stored import StoredStudy


def with_precision(etude: Etude, spec: StudySpec) -> Etude:
    """The étude with sweeps that stop at the precision that the options name; itself where they name none.

    Raises:
        SpecError: When no run of the étude can be spared, or when the budget does not pay for the first round.
    """
    if spec.precision is None:
        return etude
    if isinstance(etude.aims, str):
        raise SpecError(
            f"{etude.name} takes no precision, because {etude.aims}, got {spec.precision:g}: leave the precision out"
        )
    if etude.arms is one_arm:
        require_budget(spec, FIRST_SEEDS * len(spec.lrs))
    aim = Aim((), spec.precision, spec.seeds, spec.budget)
    return replace(
        etude,
        aim=aim,
        plan=partial(_plan, etude, aim),
        find=partial(_find, etude, aim),
        lay_out=partial(_lay_out, etude, aim),
    )


def require_budget(spec: StudySpec, runs: int) -> None:
    """Check that the budget pays for the runs of the first round.

    Raises:
        SpecError: When it does not.
    """
    if spec.budget is not None and spec.budget < runs:
        raise SpecError(
            f"needs budget >= {runs}, {FIRST_SEEDS} runs for each learning rate of each first grid, got {spec.budget}: "
            "raise it, or pass a coarser --lr"
        )


def first_plan(etude: Etude, arm: Arm) -> Plan:
    """What an arm runs in its first round."""
    first = tuple(range(FIRST_SEEDS))
    return Plan(arm.lrs, (), {} if etude.aim is None else dict.fromkeys(arm.lrs, first))


def aims_of(etude: Etude, aim: Aim, sweeps: Sequence[Sweep]) -> dict[str, Aim]:
    """What each arm is to find out; one of which nothing is sought is run at every learning rate on every seed."""
    assert not isinstance(etude.aims, str), "such an étude takes no precision"
    sought = etude.aims(sweeps, aim)
    return {s.arm.name: sought.get(s.arm.name, replace(aim, asked=s.arm.lrs, fixed=True)) for s in sweeps}


def _plan(etude: Etude, aim: Aim, sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:
    aims = aims_of(etude, aim, sweeps)
    if len(sweeps) == 1:
        return {s.arm.name: halve(s.table, s.options, aims[s.arm.name]) for s in sweeps}
    return halve_arms({s.arm.name: Side(s.table, s.options, aims[s.arm.name]) for s in sweeps}, aim.budget)


def _find(etude: Etude, aim: Aim, sweeps: Sequence[Sweep]) -> list[Finding]:
    return [*etude.find(sweeps), search_finding(sweeps, aims_of(etude, aim, sweeps))]


def _lay_out(etude: Etude, aim: Aim, study: StoredStudy) -> Page:
    page, sweeps = etude.lay_out(study), study.sweeps
    fresh = (found.statement for found in study.findings if found.name == "fresh")
    added = tuple(statement for statement in fresh if statement not in page.answer)
    return replace(
        page,
        answer=(*page.answer, *added),
        rests_on=(*page.rests_on, *((Message("search.rests"),) if len(sweeps) > 1 else ())),
        sections=(*page.sections, spent_section(study, aims_of(etude, aim, sweeps))),
    )
