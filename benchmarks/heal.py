"""Running cases again with their remedies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from faults import altered, scale_hidden, scale_output
from lab import Case, Run, train_alike, unmeasured, within

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.verdict import Remedy
from etude.core.schedule import Schedule
from etude.core.task import Task as AnyTask
from etude.schedules import Constant, LinearWarmup, chain, wsd
from etude.tasks.task import Task

ROUNDS = 3
"""Times a remedy may be followed by the next diagnosis's."""


def treated(sick: Mapping[int, Run], band: Mapping[str, float]) -> dict[int, bool]:
    """Let runs follow the remedy of their first verdict, up to three times, and say which came within the band."""
    healed = dict.fromkeys(sick, False)
    for last in [False] * (ROUNDS - 1) + [True]:
        asked = {i: diagnose(run.case.record(run.trace, run.fork))[0].remedy for i, run in sick.items()}
        cases = {i: heal(run.case, remedy) for i, run in sick.items() if (remedy := asked[i]) is not None}
        chosen = [unmeasured(case) for case in cases.values()] if last else list(cases.values())
        runs = dict(zip(cases, train_alike(chosen, forked=not last), strict=True))
        healed |= {i: within(run, band) for i, run in runs.items()}
        sick = {i: run for i, run in runs.items() if not healed[i]}
    return healed


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
