"""What an étude is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from etude.analysis.halving import Aim
from etude.analysis.options import LossMetric
from etude.analysis.planning import Plan, plan
from etude.core.finding import Finding
from etude.core.measure import Measure
from etude.core.message import Message
from etude.report.page import Page
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.spec import StudySpec
from etude.studies.stored import StoredStudy

if TYPE_CHECKING:
    from etude.tasks.task import Task

Tasks: TypeAlias = "Mapping[str, Task]"


def one_task(spec: StudySpec, given: Task | None, device: str) -> Tasks:
    """The task that the options name, or the one made in Python."""
    from etude.studies.task import task_of  # late, for torch

    task = task_of(spec, given, device)
    return {task.name: task}


def one_arm(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """A single sweep over the learning rates that the options name."""
    (task,) = tasks.values()
    return (Arm("sweep", spec.etude, base_run(spec, task, measures), tuple(spec.lrs)),)


def extend_and_bracket(sweeps: Sequence[Sweep]) -> dict[str, Plan]:
    """Extend every grid where an answer lies at its end, and narrow the bracket of its edge."""
    return {sweep.arm.name: plan(sweep.table, sweep.options) for sweep in sweeps}


def in_one_comparison(arm: Arm) -> str | None:  # noqa: ARG001 - whatever the arm
    """All arms are compared with each other."""
    return ""


@dataclass(frozen=True)
class Etude:
    """A named study: one question, the runs that answer it, the findings, the page.

    Attributes:
        name: On the command line.
        question: What it asks.
        find: From the finished sweeps to the findings.
        lay_out: From the stored study to its page.
        tasks: What it trains, from the options, a task made in Python, and the device.
        arms: The sides of its comparison, from the options and the tasks; one for an étude that compares nothing.
        plan: Which learning rates each arm runs next, by the arm's name, and why; arms left out are complete.
        objective: Final loss that its "best" refers to.
        aims: What the arms are to find out where runs are spared, from the sweeps so far and an aim with precision, seeds and
            budget; an arm that is left out runs every learning rate on every seed. Or why no run can be spared.
        compared: Which comparison an arm takes part in at its best learning rate, by any name; ``None`` for none.
        aim: Precision, seeds and budget of sweeps that spare runs; ``None`` where each learning rate gets every seed.
        measures: Further measures of its runs.
        keeps_weights: Whether final weights are worth their disk.
        defaults: Options that it chooses otherwise than ``StudySpec``.
    """

    name: str
    question: Message
    find: Callable[[Sequence[Sweep]], list[Finding]]
    lay_out: Callable[[StoredStudy], Page]
    aims: Callable[[Sequence[Sweep], Aim], Mapping[str, Aim]] | str
    tasks: Callable[[StudySpec, Task | None, str], Tasks] = one_task
    arms: Callable[[StudySpec, Tasks, tuple[Measure, ...]], tuple[Arm, ...]] = one_arm
    plan: Callable[[Sequence[Sweep]], Mapping[str, Plan]] = extend_and_bracket
    objective: LossMetric = "train_loss"
    compared: Callable[[Arm], str | None] = in_one_comparison
    aim: Aim | None = None
    measures: tuple[Measure, ...] = ()
    keeps_weights: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
