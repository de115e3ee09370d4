"""The étude: which tasks, which arms, which findings, which page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from etude.analysis.planning import Plan
from etude.core.errors import SpecError
from etude.core.finding import Finding
from etude.core.message import Message
from etude.studies.arms import Sweep
from etude.studies.descent.arms import check_options, make_arms
from etude.studies.descent.problems import make_tasks
from etude.studies.etude import Etude, Tasks
from etude.studies.spec import StudySpec

if TYPE_CHECKING:
    from etude.tasks.task import Task


def own_tasks(spec: StudySpec, given: Task | None, device: str) -> Tasks:
    """The étude's problems.

    Raises:
        SpecError: When other tasks or options are asked for.
    """
    if given is not None:
        raise SpecError(f"descent brings its own problems, got the task {given.name!r}: leave it out")
    check_options(spec)
    tasks = make_tasks()
    if device == "cpu":
        return tasks
    from etude.tasks.device import device_named

    return {name: task.to(device=device_named(device)) for name, task in tasks.items()}


def nothing_more(sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:  # noqa: ARG001
    """No further learning rates: theory says beforehand where to look."""
    return {}
