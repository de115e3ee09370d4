"""From a study's options to the task that it trains."""

from __future__ import annotations

from etude.studies.spec import StudySpec
from etude.tasks.builtin import ModelOptions, builtin_task
from etude.tasks.device import device_named
from etude.tasks.load import load_task
from etude.tasks.task import Task


def task_of(spec: StudySpec, given: Task | None, device: str) -> Task:
    """The task made in Python, or the one in a user's file, or a built-in one; on its device.

    Raises:
        SpecError: When a name or the device is unknown.
        TaskError: When the user's task cannot be loaded.
        DataError: When the data cannot be loaded.
    """
    if given is not None:
        task = given
    elif spec.task is not None:
        task = load_task(spec.task)
    else:
        assert spec.data is not None
        options = ModelOptions(spec.model, spec.hidden, spec.activation)  # type: ignore[arg-type]
        task = builtin_task(spec.data, options)
    return task if device == "cpu" else task.to(device=device_named(device))
