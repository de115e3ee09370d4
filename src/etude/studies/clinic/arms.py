"""The runs of the étude: a sick and a healthy arm for each case, and where a remedy is an η, the runs at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from etude.analysis.planning import Plan
from etude.core.errors import SpecError
from etude.core.measure import Measure
from etude.core.message import Message
from etude.core.spec import RunSpec
from etude.core.task import Task as AnyTask
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.clinic.cases import CASES, Side
from etude.studies.clinic.measures import LENGTH, ForkTest
from etude.studies.clinic.visits import visits
from etude.studies.etude import Tasks
from etude.studies.spec import StudySpec, make_spec

if TYPE_CHECKING:
    from etude.tasks.task import Task

POINTS = 12
"""Evaluations after the first, at which what looks inside is read."""

FEWEST_STEPS = 200
"""With fewer, some evidence has not come together: the diagnosis says so, and the gallery would show nothing else."""

CHOSEN = ("etude", "data", "seeds", "steps", "tolerance")
"""Options that the étude takes; everything else belongs to its cases."""


def own_tasks(spec: StudySpec, given: Task | None, device: str) -> Tasks:
    """The digits and their spoilt copies, with healthy and sick networks.

    Raises:
        SpecError: When an option is given that the cases decide.
    """
    if given is not None or spec.data != "digits":
        raise SpecError(f"clinic brings its own patients, made of digits, got {spec.task or spec.data}: leave it out")
    usual = make_spec({"etude": spec.etude, "data": "digits"})
    for name in type(spec).model_fields:
        if name not in CHOSEN and getattr(spec, name) != getattr(usual, name):
            raise SpecError(
                f"every case of clinic has its own {name}, got {name} = {getattr(spec, name)}: leave it out"
            )
    from etude.tasks.device import device_named
    from etude.tasks.patients import patient_task

    sides = {side.task: side for case in CASES.values() for side in (case.sick, case.twin)}
    tasks = {name: patient_task(side.network, side.data) for name, side in sides.items()}
    return tasks if device == "cpu" else {n: task.to(device=device_named(device)) for n, task in tasks.items()}


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:  # noqa: ARG001
    """A sick and a healthy arm for each case; cases may share a healthy one.

    Raises:
        SpecError: With too few steps.
    """
    steps = spec.horizon(1437)
    if steps < FEWEST_STEPS:
        raise SpecError(f"clinic needs at least {FEWEST_STEPS} steps, got {steps}: a diagnosis needs evidence")
    found = []
    for name, case in CASES.items():
        for side, kind in ((case.sick, "sick"), (case.twin, "twin")):
            base = _base(spec, tasks[side.task], side, round(steps * side.steps))
            found.append(Arm(f"{name}/{kind}", Message(f"clinic.{kind}"), base, (side.lr,)))
    return tuple(found)


def next_lrs(sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:
    """The learning rates that the remedies ask for."""
    plans = {}
    for sweep in sweeps:
        name, _, kind = sweep.arm.name.partition("/")
        if kind == "sick":
            asked = {course.asks for course in visits(CASES[name], sweep) if course.asks is not None}
            if asked:
                reason = Message("clinic.plan", {"lrs": ", ".join(f"{lr:.3g}" for lr in sorted(asked))})
                plans[sweep.arm.name] = Plan(tuple(sorted(asked)), (reason,))
    return plans


def _base(spec: StudySpec, task: AnyTask, side: Side, steps: int) -> RunSpec:
    own = spec.model_copy(update={"schedule": side.schedule, "steps": steps, "batch_size": side.batch_size})
    every = max(1, steps // POINTS)
    fork = (ForkTest(side.rule, every * (POINTS // 3), round(LENGTH * steps)),) if side.forked else ()
    run = base_run(own, task, (*side.measures, *fork))
    return replace(run, rule=side.rule, peak_lr=side.lr, evaluate_every=every, **side.more)  # type: ignore[arg-type]
