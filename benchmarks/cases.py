"""The labelled cases: sweeps over the learning rate, whose results label them, and planted faults with their twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import faults as f
from lab import Case, Run, Seldom, spec_of
from torch import nn
from worlds import Half, RowRNN, World, development, digits, held_out, ill_conditioned, teacher, top_curvature

from etude.analysis.diagnosis.verdict import Fault
from etude.core.schedule import Schedule
from etude.core.task import Task as AnyTask
from etude.schedules import Constant, Cosine, LinearWarmup, MultiStep, chain, parse_schedule, repeat, window
from etude.tasks.models import mlp
from etude.tasks.task import Task
from etude.training.measures import Sharpness
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


def worlds(half: Half) -> tuple[World, ...]:
    """The worlds of a half."""
    return (*development(), *held_out())


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
    most = limits(runs)
    good = [any(run.final(split) <= limit for split, limit in most.items()) for run in runs]
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


def special(half: Half, seed: int) -> Iterator[Case]:
    """Faults that need a network of their own."""
    for family in (_deep, _wide, _in_time, _scale_invariant, _full_batch, _noisy):
        yield from family(half, seed)


def _deep(half: Half, seed: int) -> Iterator[Case]:
    """Signals and gradients through many layers."""
    base = worlds(half)[0]
    depth, act = _either(half, (20, "relu"), (14, "sigmoid"))
    pixels = base.make().train[0][0].numel()
    task = f.with_model(base.make(), partial(mlp, pixels, (48,) * depth, 10, act))
    make = partial(_case, replace(base, name=f"deep-{act}"), task, seed)
    yield make("twin", (), task=f.with_model(base.make(), partial(mlp, pixels, (48,) * 3, 10, "relu")))
    yield make("vanishing", {Fault.VANISHING})
    task = f.with_model(base.make(), partial(mlp, pixels, (64,) * 5, 10, "relu"))
    make = partial(_case, replace(base, name="five-layers"), task, seed)
    yield make("twin", ())
    yield make("small init", {Fault.BAD_INIT}, task=f.altered(task, partial(f.normal, 0.01)))
    yield make("large init", {Fault.BAD_INIT}, task=f.altered(task, partial(f.normal, 0.8)))
    yield make("dead at birth", {Fault.DEAD_UNITS}, task=f.altered(task, partial(f.shift_biases, -8.0)))


def _wide(half: Half, seed: int) -> Iterator[Case]:
    """Units on the flat ends of tanh."""
    base = worlds(half)[0]
    task = f.with_model(base.make(), partial(mlp, base.make().train[0][0].numel(), (64,) * 3, 10, "tanh"))
    make = partial(_case, replace(base, name="tanh"), task, seed)
    yield make("twin", ())
    yield make("saturated", {Fault.SATURATED}, task=f.altered(task, partial(f.scale_hidden, 20.0)))


def _in_time(half: Half, seed: int) -> Iterator[Case]:
    """Gradients through many time steps."""
    task = digits(partial(RowRNN, _either(half, 2, 1), 32, 10))
    world = replace(worlds(half)[0], name="rnn-pixels", rule=SGD(momentum=0.9), good=0.05, steps=300)
    make = partial(_case, world, task, seed)
    yield make("twin", ())
    yield make("exploding in time", {Fault.TIME_EXPLOSION}, task=f.altered(task, partial(f.explode_in_time, 3.0)))


def _scale_invariant(half: Half, seed: int) -> Iterator[Case]:
    """Weights before batch norm that are so long that no update turns them."""
    name, times = _either(half, ("cnn-bn", 100.0), ("cnn-bn-adam", 1000.0))
    world = next(world for world in worlds(half) if world.name == name)
    task = world.make()
    long = f.altered(task, partial(f.scale_filters, times))
    make = partial(_case, replace(world, name="long-weights", steps=200), task, seed)
    yield make("twin", ())
    yield make("no rotation", {Fault.ROTATION}, task=long)


def _full_batch(half: Half, seed: int) -> Iterator[Case]:
    """Gradient descent without noise: beyond what the curvature lets it do, and at the edge where training goes on."""
    inputs, condition, beta = _either(half, (10, 100.0, 0.0), (16, 300.0, 0.5))
    linear = ill_conditioned(inputs, condition, seed)
    n = linear.size("train")
    limit = 2 * (1 + beta) / top_curvature(linear)
    world = World("ill-conditioned", lambda: linear, SGD(momentum=beta), n, 300, 0.0, limit / 4, half)
    make = partial(_case, world, linear, seed)
    yield make("twin", ())
    yield make("oscillation", {Fault.OSCILLATION, Fault.TOO_HIGH}, lr=0.9995 * limit)
    width, act, rate = _either(half, (64, "tanh", 0.2), (48, "silu", 0.4))
    few = f.first(teacher(8, 0.1, 3, partial(mlp, 8, (width, width), 1, act)), 300)
    world = World("full-batch", lambda: few, SGD(), 300, 600, 0.0, rate, half)
    make = partial(_case, world, few, seed)
    yield make("twin", (), lr=rate / 4)
    at = tuple(range(0, 601, 100))
    yield make("edge of stability", {Fault.EDGE}, measures=(Seldom(Sharpness(300), at),))


def _noisy(half: Half, seed: int) -> Iterator[Case]:
    """Noise of small batches that holds the loss up: a high learning rate that never falls, and a batch that was cut down."""
    base = worlds(half)[0]
    faults = {Fault.NOISE_FLOOR, Fault.BATCH_SIZE, Fault.TOO_HIGH}
    task = base.make()
    world = replace(base, name="noise", rule=SGD(momentum=0.9), batch_size=4, good=0.02)
    make = partial(_case, world, task, seed)
    yield make("twin", (), schedule=parse_schedule("linear(to=0)", world.steps))
    yield make("noise floor", faults)
    small = replace(world, name="small-batch", batch_size=64, good=0.03)
    yield _case(small, task, seed, "twin", ())
    yield _case(replace(small, batch_size=4), task, seed, "small batch", faults)


def _either(half: Half, development: Any, held_out: Any) -> Any:
    return development if half == "development" else held_out


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
