"""The labelled cases: sweeps over the learning rate, whose results label them, and planted faults with their twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import faults as f
from lab import Case, Run, spec_of
from torch import nn
from worlds import Half, RowRNN, RowTransformer, World, development, digits, held_out

from etude.analysis.diagnosis.verdict import Fault
from etude.core.schedule import Schedule
from etude.core.task import Task as AnyTask
from etude.schedules import Constant, Cosine, LinearWarmup, MultiStep, chain, parse_schedule, repeat, window
from etude.tasks.models import mlp
from etude.tasks.task import Task
from etude.training.rules import SGD, Adam

SCHEDULES = {
    "constant": "constant",
    "cosine": "warmup(5%) > cosine",
    "step": "multistep",
    "restarts": "restarts(first=25%,times=1)",
    "wsd": "wsd",
}
BAND = 0.05
"""A result counts as good within this share of the best one's descent."""


def worlds(half: Half) -> tuple[World, ...]:
    """The worlds of a half."""
    return development() if half == "development" else held_out()


def sweep(world: World, schedule: str, seed: int) -> list[Case]:
    """Runs that differ in their learning rate."""
    task = world.make()
    course = parse_schedule(SCHEDULES[schedule], world.steps)
    return [
        Case(
            world.name,
            f"sweep {schedule}",
            frozenset(),
            task,
            spec_of(task, world.rule, course, lr, world.batch_size, seed),
            task,
        )
        for lr in world.lrs
    ]


def label(runs: Sequence[Run]) -> list[str]:
    """What the results of a sweep say of each learning rate: ``ok``, ``low`` or ``high``.

    ``ok``: the final loss on the training or on the held-out data is within 5 % of the best descent of the sweep.
    """
    good = [False] * len(runs)
    for split in ("train", "validation"):
        finals = [run.final(split) for run in runs]
        start = float(runs[0].trace.evaluations[f"{split}_loss"][0])
        limit = min(finals) + BAND * (start - min(finals))
        good = [g or final <= limit for g, final in zip(good, finals, strict=True)]
    best = min(range(len(runs)), key=lambda i: runs[i].final("train"))
    return ["ok" if good[i] else "low" if i < best else "high" for i in range(len(runs))]


def planted(world: World, seed: int) -> Iterator[Case]:
    """Runs at a good learning rate, each with one fault, and their healthy twin."""
    task, T, B = world.make(), world.steps, world.batch_size
    make = partial(_case, world, task, seed)
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


def special(half: Half, seed: int) -> Iterator[Case]:
    """Faults that need a network of their own."""
    here = worlds(half)
    base = here[0]
    depth = 20 if half == "development" else 14
    act: Literal["relu", "sigmoid"] = "relu" if half == "development" else "sigmoid"
    image = base.make().train[0][0].numel()
    deep = partial(mlp, image, (48,) * depth, 10, act)
    task = f.with_model(base.make(), deep)
    make = partial(_case, replace(base, name=f"deep-{act}"), task, seed)
    yield make("vanishing", {Fault.VANISHING})
    plain = partial(mlp, image, (64,) * 5, 10, "relu")
    task = f.with_model(base.make(), plain)
    make = partial(_case, replace(base, name="five-layers"), task, seed)
    yield make("small init", {Fault.BAD_INIT}, task=f.altered(task, partial(f.normal, 0.01)))
    yield make("large init", {Fault.BAD_INIT}, task=f.altered(task, partial(f.normal, 0.8)))
    yield make("dead at birth", {Fault.DEAD_UNITS}, task=f.altered(task, partial(f.shift_biases, -8.0)))
    tanh = f.with_model(base.make(), partial(mlp, image, (64,) * 3, 10, "tanh"))
    make = partial(_case, replace(base, name="tanh"), tanh, seed)
    yield make("saturated", {Fault.SATURATED}, task=f.altered(tanh, partial(f.scale_hidden, 20.0)))
    pixels = digits(partial(RowRNN, 2 if half == "development" else 1, 32, 10))
    make = partial(_case, replace(here[0], name="rnn-pixels", rule=SGD(), good=0.03, steps=150), pixels, seed)
    yield make("exploding in time", {Fault.TIME_EXPLOSION}, task=f.altered(pixels, partial(f.explode_in_time, 3.0)))
    layers = 3 if half == "development" else 5
    post = digits(partial(RowTransformer, 8, 32, layers, 10, post=True))
    world = replace(here[0], name="post-norm", rule=Adam(beta2=0.98), good=0.006, steps=250, batch_size=64)
    make = partial(_case, world, post, seed)
    yield make("no warm-up", {Fault.NO_WARMUP})
    yield make("twin", (), schedule=parse_schedule("warmup(40%) > constant", 250))


def _case(
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
