"""The labelled cases of a world: sweeps over the learning rate, whose results label them, and planted faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import faults as f
from lab import Case, Run, spec_of, unmeasured, within
from torch import nn
from worlds import World

from etude.analysis.diagnosis.verdict import Fault
from etude.core.schedule import Schedule
from etude.core.task import Task as AnyTask
from etude.schedules import Constant, Cosine, LinearWarmup, MultiStep, chain, parse_schedule, repeat, window
from etude.tasks.task import Task
from etude.training.rules import SGD

SCHEDULES = {
    "constant": "constant",
    "cosine": "warmup(5%) > cosine",
    "step": "multistep",
    "restarts": "restarts(first=25%,times=1)",
    "wsd": "wsd",
}
SWEPT = ("constant", "cosine")
BAND = 0.05
"""A result counts as good within this share of the best one's descent."""
AROUND = (0.1, 10**-0.5, 10**0.5, 10.0)
"""Learning rates that a healthy twin has to stand its ground against, as multiples of its own."""


def sweeps(world: World, seed: int) -> list[Case]:
    """Runs that differ in their learning rate, under two schedules, and a good learning rate under three more."""
    task = world.make()
    rates = [(name, lr) for name in SWEPT for lr in world.lrs(seed)]
    rates += [(name, world.good) for name in SCHEDULES if name not in SWEPT]
    course = {name: parse_schedule(text, world.steps) for name, text in SCHEDULES.items()}
    return [
        Case(
            world.name,
            f"sweep {name}" if name in SWEPT else f"good {name}",
            frozenset(),
            task,
            spec_of(task, world.rule, course[name], lr, world.batch_size, seed),
            task,
        )
        for name, lr in rates
    ]


def limits(runs: Sequence[Run]) -> dict[str, float]:
    """The highest final loss on the training and on the held-out data that is within 5 % of the best descent."""
    found = {}
    for split in ("train", "validation"):
        best = min(run.final(split) for run in runs)
        found[split] = best + BAND * (float(runs[0].trace.evaluations[f"{split}_loss"][0]) - best)
    return found


def label(runs: Sequence[Run]) -> list[str]:
    """What the results of a sweep say of each learning rate: ``ok``, ``low`` or ``high``.

    ``ok``: the final loss on the training or on the held-out data is within 5 % of the best descent of the sweep.
    """
    band = limits(runs)
    good = [within(run, band) for run in runs]
    best = min(range(len(runs)), key=lambda i: runs[i].final("train"))
    return ["ok" if good[i] else "low" if i < best else "high" for i in range(len(runs))]


def around(twin: Case) -> list[Case]:
    """The same run at learning rates about its own."""
    return [unmeasured(replace(twin, spec=replace(twin.spec, peak_lr=factor * twin.spec.peak_lr))) for factor in AROUND]


def planted(world: World, seed: int) -> Iterator[Case]:
    """Runs at a good learning rate, each with one fault, and their healthy twin."""
    task, T, B = world.make(), world.steps, world.batch_size
    make = partial(made_case, world, task, seed)
    yield make("twin", ())
    if not any(isinstance(m, nn.BatchNorm2d) for m in task.init(0).modules()):  # which would take the size away again
        steps = tuple(round(T * share) for share in (0.3, 0.45, 0.6, 0.7, 0.8))
        yield make("spikes", {Fault.SPIKE}, task=f.Spiky(task, steps, 100.0))
    yield make("early decay", {Fault.DECAYED_EARLY}, schedule=MultiStep(T, (T // 20,), 0.01))
    short = T // 4
    slow = chain(LinearWarmup(round(0.9 * short)), Constant(short - round(0.9 * short)))
    yield make("long warm-up", {Fault.LONG_WARMUP}, schedule=slow)
    epoch = max(2, task.size("train") // B)
    yield make(
        "schedule per batch",
        {Fault.WRONG_SCHEDULE},
        schedule=_repeated(Cosine(1.0, 0.0, max(2, T // epoch)), T),
        planned=Cosine(1.0, 0.0, T),
    )
    first, *_, last = [name for name, p in task.init(0).named_parameters() if p.dim() > 1]
    yield make("frozen", {Fault.FROZEN_PARAMETER}, group_scales=((first, 0.0),))
    if isinstance(world.rule, SGD):
        yield make("clipping", {Fault.CLIPPING}, clip_norm=1e-2)
        yield make("clipping by value", {Fault.CLIPPING}, clip_value=1e-4)
        yield make("late blow-up", {Fault.DIVERGING, Fault.TOO_HIGH}, schedule=_jump(T, 100.0), lr=100 * world.good)
    yield make("imbalance", {Fault.IMBALANCE}, group_scales=((last, 1e-3),))
    yield make("large output", {Fault.BAD_INIT}, task=f.altered(task, partial(f.scale_output, 200.0)))
    if not task.classification:
        yield make("no signal", {Fault.PLATEAU}, task=f.nothing_to_learn(task), lr=world.good / 10)
    elif isinstance(task.init(0), nn.Sequential):
        yield make("few examples", {Fault.OVERFITTING}, task=f.few_examples(task, 300))
        yield make("no signal", {Fault.PLATEAU}, task=f.nothing_to_learn(task))
    if "Linear" in str(task.init(0)) and "Conv" not in str(task.init(0)) and isinstance(task.init(0), nn.Sequential):
        yield make("constant init", {Fault.SYMMETRY}, task=f.altered(task, partial(f.constant, 0.02)))


def made_case(
    world: World,
    twin: Task,
    seed: int,
    kind: str,
    truth: Iterable[Fault],
    task: AnyTask | None = None,
    schedule: Schedule | None = None,
    planned: Schedule | None = None,
    lr: float | None = None,
    **more: Any,
) -> Case:
    """A run in a world, with what is wrong about it; what is not said is as in the world."""
    used = task or twin
    course = schedule or Constant(world.steps)
    spec = spec_of(used, world.rule, course, lr or world.good, world.batch_size, seed, **more)
    return Case(world.name, kind, frozenset(truth), used, spec, twin, planned)


def _repeated(part: Schedule, steps: int) -> Schedule:
    """A schedule over and over, cut off at a length."""
    return window(repeat(part, -(-steps // part.steps)), 0, steps)


def _jump(steps: int, factor: float) -> Schedule:
    """Constant, and from 60 % of the run on so many times as high."""
    cut = round(0.6 * steps)
    return chain(Constant(cut, 1 / factor), Constant(steps - cut, 1.0))
