"""From a study's options to one of its runs."""

from __future__ import annotations

from etude.core.measure import Measure
from etude.core.spec import RunSpec, TaskRef
from etude.core.task import Task
from etude.schedules.notation import parse_schedule
from etude.studies.spec import StudySpec

EVALUATIONS = 25
"""Points of a curve, evenly spaced over the horizon: enough to read off when a target is crossed."""


def base_run(spec: StudySpec, task: Task, measures: tuple[Measure, ...] = ()) -> RunSpec:
    """The run at the lowest learning rate and seed 0, by which an arm knows what its runs share."""
    steps = spec.horizon(task.size("train"))
    epoch = max(1, task.size("train") // spec.batch_size)
    return RunSpec(
        task=TaskRef(task.name, task.fingerprint),
        rule=spec.rule(),
        schedule=parse_schedule(spec.schedule, steps, epoch),
        controller=spec.control(),
        scheduled=tuple((name, parse_schedule(text, steps, epoch)) for name, text in spec.scheduled.items()),
        peak_lr=spec.lrs[0],
        steps=steps,
        batch_size=spec.batch_size,
        seed=0,
        clip_norm=spec.clip,
        clip_value=spec.clip_value,
        evaluate_every=max(1, -(-steps // (EVALUATIONS - 1))),
        measures=measures,
    )
