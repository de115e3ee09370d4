"""Running labelled cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from torch import nn
from worlds import chance_loss

from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Fault
from etude.core.fork import Fork
from etude.core.measure import AtEnd, Columns, Measure, Point, PointMeasure
from etude.core.rule import Rule
from etude.core.schedule import Schedule
from etude.core.spec import RunSpec, TaskRef
from etude.core.task import Task as AnyTask
from etude.core.trace import Trace
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.fork import fork_lanes
from etude.training.gradients.explicit import explicit_gradients
from etude.training.lanes import start_lanes
from etude.training.measures import (
    Alignment,
    AngularUpdate,
    AppliedRate,
    ClipFactor,
    DepthProfile,
    GradientCosine,
    GradientNorm,
    HiddenGradients,
    LineProbe,
    NoiseScale,
    ScaleInvariance,
    UnitCosine,
    Units,
    UpdateNorm,
    UpdateRatio,
    WeightNorm,
)  # fmt: skip
from etude.training.process import prepare_process
from etude.training.train import train

POINTS = 12
"""Evaluations of a run."""
SELDOM = 4
"""Every so many evaluations, units are counted and gradient noise is measured."""
FORK_AT, FORK_STEPS, FORK_REPEATS = 1 / 3, 1 / 8, 4
"""Where copies part, and for how many steps they go on, as shares of the horizon. A third of the way η is still high in every
schedule, and whoever asks early saves the rest of the run."""

_NAMES: dict[object, tuple[str, ...]] = {}


@final
@dataclass(frozen=True)
class Seldom:
    """A measure that is read at some points only and gives NaN at the others.

    Attributes:
        measure: What is read.
        steps: When; 0 among them.
    """

    measure: PointMeasure
    steps: tuple[int, ...]

    def at_point(self, point: Point) -> Columns:
        """As the measure, or NaN under the names that it had before."""
        key = (self.measure, tuple(point.params))
        if point.step in self.steps:
            found = self.measure.at_point(point)
            _NAMES[key] = tuple(found)
            return found
        return {name: torch.full((len(point.lr),), torch.nan, dtype=torch.float64) for name in _NAMES[key]}


@final
@dataclass(frozen=True)
class Case:
    """One run and what is known of it.

    Attributes:
        world: Name of the world.
        kind: Name of the fault that was planted, or ``"sweep"``.
        truth: Faults that are a right answer; empty for healthy runs and for sweeps, whose results decide.
        task: What is trained.
        spec: The run.
        twin: The task without the fault.
        planned: Schedule that was meant, where another one is applied.
    """

    world: str
    kind: str
    truth: frozenset[Fault]
    task: AnyTask
    spec: RunSpec
    twin: Task
    planned: Schedule | None = None

    def record(self, trace: Trace, fork: Fork | None = None) -> RunRecord:
        """What a diagnosis is given."""
        chance = chance_loss(self.twin)
        found = RunRecord.of(self.spec, trace, chance_loss=chance, examples=self.task.size("train"), fork=fork)
        if self.planned is None:
            return found
        planned = self.planned
        return replace(found, planned_lr=np.array([self.spec.peak_lr * planned(t) for t in range(self.spec.steps)]))


@final
@dataclass(frozen=True)
class Run:
    """A case that was trained.

    Attributes:
        case: What.
        trace: Its record.
        fork: What its copies did; ``None`` where it had diverged before, or none were made.
    """

    case: Case
    trace: Trace
    fork: Fork | None = None

    def final(self, split: str) -> float:
        """Loss at the end, infinite for a run that diverged."""
        value = self.trace.final.get(f"{split}_loss", np.inf)
        return float(value) if np.isfinite(value) and not self.trace.outcome.diverged else np.inf


def within(run: Run, band: Mapping[str, float]) -> bool:
    """Whether a run ends within the limit of the training or of the held-out loss."""
    return any(run.final(split) <= limit for split, limit in band.items())


def measures(task: AnyTask, steps: int) -> tuple[Measure, ...]:
    """Everything that a diagnosis can use and that a small model can afford."""
    model = task.init(0)
    modules = list(model.modules())
    plain = explicit_gradients(model, task) is not None
    every = _every(steps)
    some = (*range(0, steps, SELDOM * every), steps)
    inside: list[PointMeasure] = [DepthProfile(128)]
    inside += [UnitCosine(128)] if plain else []
    inside += [HiddenGradients(64)] if any(isinstance(m, nn.RNNBase) for m in modules) else []
    normed = any(isinstance(m, nn.BatchNorm2d) for m in modules)
    return (
        GradientNorm(layers=True), UpdateNorm(), UpdateRatio(layers=True), WeightNorm(), GradientCosine(), Alignment(),
        AppliedRate(), ClipFactor(), LineProbe(256), Seldom(Units(1024), some), Seldom(NoiseScale(64, 8), some),
        *(Seldom(measure, (0,)) for measure in inside), *((AngularUpdate(), AtEnd(ScaleInvariance(64))) if normed else ()),
    )  # fmt: skip


def spec_of(
    task: AnyTask, rule: Rule, schedule: Schedule, lr: float, batch_size: int, seed: int, **more: Any
) -> RunSpec:
    """A run that measures everything."""
    extra = more.pop("measures", ())
    return RunSpec(
        task=TaskRef(task.name, ""),
        rule=rule,
        schedule=schedule,
        peak_lr=lr,
        steps=schedule.steps,
        batch_size=batch_size,
        seed=seed,
        evaluate_every=_every(schedule.steps),
        measures=(*measures(task, schedule.steps), *extra),
        **more,
    )


def unmeasured(case: Case) -> Case:
    """The same run, of which only the end is asked."""
    return replace(case, spec=replace(case.spec, measures=(), evaluate_every=case.spec.steps))


def train_cases(cases: Sequence[Case], *, forked: bool = True) -> list[Run]:
    """Train cases that may share a stack: one task, and runs that differ in their learning rate or clipping alone."""
    task, specs = cases[0].task, [case.spec for case in cases]
    plain = explicit_gradients(task.init(0), task) is not None
    part = next(t for t in range(0, specs[0].steps + 1, specs[0].evaluate_every) if t >= FORK_AT * specs[0].steps)
    forks: dict[int, Fork] = {}
    with prepare_process():
        gradients = make_gradients(task, specs[0].seed, Engine.STACK if plain else Engine.LOOP)
        lanes = start_lanes(specs, task)
        for _ in train(lanes, gradients, task):
            if forked and lanes.step == part and lanes.alive:
                steps = max(8, round(FORK_STEPS * specs[0].steps))
                forks = fork_lanes(lanes, gradients, task, steps=steps, repeats=FORK_REPEATS)
        traces = list(finish(lanes, gradients, task))
    return [Run(case, trace, forks.get(i)) for i, (case, trace) in enumerate(zip(cases, traces, strict=True))]


def train_alike(cases: Sequence[Case], *, forked: bool = True) -> list[Run]:
    """Train in one stack those that may share it, the others alone."""
    groups: dict[object, list[int]] = {}
    for i, case in enumerate(cases):
        spec = case.spec
        key = (id(case.task), spec.steps, spec.group_scales, spec.batch_size, spec.measures, type(spec.rule))
        groups.setdefault(key, []).append(i)
    runs: dict[int, Run] = {}
    for rows in groups.values():
        runs |= dict(zip(rows, train_cases([cases[i] for i in rows], forked=forked), strict=True))
    return [runs[i] for i in range(len(cases))]


def _every(steps: int) -> int:
    return max(1, steps // POINTS)
