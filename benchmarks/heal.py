"""Running a case again with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from faults import altered, scale_hidden, scale_output
from lab import Case

from etude.analysis.diagnosis.verdict import Remedy
from etude.core.schedule import Schedule
from etude.core.task import Task as AnyTask
from etude.schedules import Constant, LinearWarmup, chain, wsd
from etude.tasks.task import Task


def heal(case: Case, remedy: Remedy) -> Case:
    """The same run with a remedy applied, always from the initialization."""
    spec, changes = case.spec, remedy.changes
    schedule = _healed_schedule(case, changes)
    healed = replace(
        spec,
        schedule=schedule,
        steps=schedule.steps,
        peak_lr=spec.peak_lr * remedy.lr_factor,
        clip_norm=None if "clip_value" in changes else changes.get("clip_norm", spec.clip_norm),
        clip_value=None if "clip_norm" in changes else changes.get("clip_value", spec.clip_value),
        batch_size=int(changes.get("batch_size", spec.batch_size)),
        group_scales=_healed_scales(dict(spec.group_scales), changes),
    )
    return replace(case, spec=healed, task=_healed_task(case, changes))


def _healed_schedule(case: Case, changes: Mapping[str, float]) -> Schedule:
    steps = case.spec.steps
    if "warmup_steps" in changes:
        warm = min(int(changes["warmup_steps"]), steps - 1)
        return chain(LinearWarmup(warm), Constant(steps - warm))
    if "decay_from" in changes:
        return wsd(steps, 0, steps - round(changes["decay_from"] * steps))
    if "as_planned" in changes and case.planned is not None:
        return case.planned
    if "stop_at" in changes:
        return Constant(max(1, int(changes["stop_at"])))
    return case.spec.schedule


def _healed_scales(scales: dict[str, float], changes: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    for name, value in changes.items():
        if name.startswith("group_scale/"):
            parameter = name.removeprefix("group_scale/")
            scales[parameter] = (scales.get(parameter, 1.0) or 1.0) * value
    return tuple(scales.items())


def _healed_task(case: Case, changes: Mapping[str, float]) -> AnyTask:
    task = case.task
    if not isinstance(task, Task):
        return task
    if "redraw" in changes:
        return case.twin
    if "init_gain" in changes:
        task = altered(task, partial(scale_hidden, changes["init_gain"]))
    if "output_gain" in changes:
        task = altered(task, partial(scale_output, changes["output_gain"]))
    return task
