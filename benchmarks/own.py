"""Labelled cases whose faults need a network of their own.

Their healthy twins have learning rates that a sweep has shown to be good:

``python benchmarks/scoreboard.py --rates --half HALF`` sweeps every twin over 13 learning rates, half a decade apart, and says
which of them end in the band; the rates below are the middle of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import faults as f
from cases import made_case
from lab import Case, Seldom
from nets import RowRNN
from sources import digits, friedman, ill_conditioned, pooled, teacher, top_curvature
from torch import nn
from worlds import Half, World, worlds

from etude.analysis.diagnosis.verdict import Fault
from etude.core.rule import Rule
from etude.schedules import Constant, LinearWarmup, chain, parse_schedule
from etude.tasks.models import Activation, mlp
from etude.tasks.task import Task
from etude.training.measures import Sharpness
from etude.training.rules import SGD

Family = Callable[[int], Iterator[Case]]


def families(half: Half) -> list[Family]:
    """All of a half: from a seed to its cases."""
    if half == "check":
        return []
    by_name = {world.name: world for world in worlds(half)}
    if half == "held-out":
        base, look = by_name["pooled-nesterov"], SGD(momentum=0.9, nesterov=True)
        pixels = partial(pooled, 7, 40_000, 3000, 0.0)
        few = partial(friedman, 0.3, partial(mlp, 10, (56, 56), 1, "gelu"))
        return [
            partial(_vanishing, base, 16, "gelu", 0.05),
            partial(_badly_begun, base, (80,) * 4, (0.008, 1.0, -10.0), 0.05),
            partial(_saturated, base, (100,) * 3, 30.0, 0.03),
            partial(
                _in_time, Recurrent("clothing", partial(pixels, partial(RowRNN, 1, 24, 10)), look, 50, 200, 2.5, 0.03)
            ),
            partial(_rotated, by_name["pooled-cnn-bn"], 300.0, 0.005),
            partial(_oscillating, (12, 200.0, 0.8), 0.09),
            partial(_at_the_edge, "gelu", few, 0.3, 0.18),
            partial(_noisy, by_name["mixture-sgd"], SGD(momentum=0.9), (5, 0.02), (80, 0.03)),
            partial(_unwarmed, by_name["arm-adamw"], partial(mlp, 5, (50,) * 4, 2), look, 0.3, 0.03),
        ]
    a, b = by_name["mlp"], by_name["fashion-adamw"]
    net, other = partial(mlp, 8, (64, 64), 1, "tanh"), partial(mlp, 8, (48, 48), 1, "silu")
    return [
        partial(_vanishing, a, 20, "relu", a.good),
        partial(_vanishing, b, 14, "sigmoid", 0.003),
        partial(_badly_begun, a, (64,) * 5, (0.01, 0.8, -8.0), 0.05),
        partial(_badly_begun, b, (64,) * 5, (0.01, 0.8, -8.0), 0.003),
        partial(_saturated, a, (64,) * 3, 20.0, 0.05),
        partial(_saturated, b, (64,) * 3, 20.0, 0.003),
        partial(
            _in_time,
            Recurrent("pairs", partial(digits, partial(RowRNN, 2, 32, 10)), SGD(momentum=0.9), 64, 300, 3.0, 0.016),
        ),
        partial(
            _in_time,
            Recurrent("pixels", partial(digits, partial(RowRNN, 1, 32, 10)), SGD(momentum=0.9), 64, 300, 3.0, 0.016),
        ),
        partial(_rotated, by_name["cnn-bn"], 100.0, 0.05),
        partial(_rotated, by_name["cnn-bn-adam"], 1000.0, 0.01),
        partial(_oscillating, (10, 100.0, 0.0), 0.14),
        partial(_oscillating, (16, 300.0, 0.5), 0.14),
        partial(_at_the_edge, "tanh", partial(teacher, 8, 0.1, 3, net), 0.2, 0.09),
        partial(_at_the_edge, "silu", partial(teacher, 8, 0.1, 3, other), 0.4, 0.18),
        partial(_noisy, a, SGD(momentum=0.9), (4, 0.036), (64, 0.05)),
        partial(_noisy, b, SGD(momentum=0.9), (4, 0.011), (64, 0.03)),
        partial(_unwarmed, by_name["regression"], partial(mlp, 8, (64,) * 4, 1), SGD(momentum=0.9), 0.2, 0.013),
    ]


@final
@dataclass(frozen=True)
class Recurrent:
    """A recurrent network over single pixels.

    Attributes:
        name: For tables.
        make: Makes the task.
        rule: Update rule.
        batch_size: Examples per step.
        steps: Horizon.
        radius: Spectral radius of the recurrent weights where gradients explode.
        rate: A good learning rate.
    """

    name: str
    make: Callable[[], Task]
    rule: Rule
    batch_size: int
    steps: int
    radius: float
    rate: float


def _vanishing(base: World, depth: int, activation: Activation, rate: float, seed: int) -> Iterator[Case]:
    """Signals and gradients lost in many layers; the twin has three."""
    task, pixels = base.make(), _pixels(base)
    deep = f.with_model(task, partial(mlp, pixels, (48,) * depth, 10, activation))
    twin = f.with_model(task, partial(mlp, pixels, (48,) * 3, 10))
    make = partial(made_case, replace(base, name=f"deep-{activation}", good=rate))
    yield make(twin, seed, "twin", ())
    yield make(deep, seed, "vanishing", {Fault.VANISHING})


def _badly_begun(
    base: World, hidden: tuple[int, ...], how: tuple[float, float, float], rate: float, seed: int
) -> Iterator[Case]:
    """Weights that begin too small or too large, and units that are born dead."""
    small, large, shift = how
    task = f.with_model(base.make(), partial(mlp, _pixels(base), hidden, 10))
    make = partial(made_case, replace(base, name=f"layers-{base.name}", good=rate), task, seed)
    yield make("twin", ())
    yield make("small init", {Fault.BAD_INIT}, task=f.altered(task, partial(f.normal, small)))
    yield make("large init", {Fault.BAD_INIT}, task=f.altered(task, partial(f.normal, large)))
    yield make("dead at birth", {Fault.DEAD_UNITS}, task=f.altered(task, partial(f.shift_biases, shift)))


def _saturated(base: World, hidden: tuple[int, ...], gain: float, rate: float, seed: int) -> Iterator[Case]:
    """Units on the flat ends of tanh."""
    task = f.with_model(base.make(), partial(mlp, _pixels(base), hidden, 10, "tanh"))
    make = partial(made_case, replace(base, name=f"tanh-{base.name}", good=rate), task, seed)
    yield make("twin", ())
    yield make("saturated", {Fault.SATURATED}, task=f.altered(task, partial(f.scale_hidden, gain)))


def _in_time(net: Recurrent, seed: int) -> Iterator[Case]:
    """Gradients that explode through many time steps."""
    task = net.make()
    world = World(f"rnn-{net.name}", net.make, net.rule, net.batch_size, net.steps, 0.0, net.rate)
    make = partial(made_case, world, task, seed)
    yield make("twin", ())
    long = f.altered(task, partial(f.explode_in_time, net.radius))
    yield make("exploding in time", {Fault.TIME_EXPLOSION}, task=long)


def _rotated(base: World, gain: float, rate: float, seed: int) -> Iterator[Case]:
    """Weights before batch norm that are so long that no update turns them."""
    task = base.make()
    make = partial(made_case, replace(base, name=f"long-{base.name}", steps=200, good=rate), task, seed)
    yield make("twin", ())
    yield make("no rotation", {Fault.ROTATION}, task=f.altered(task, partial(f.scale_filters, gain)))


def _oscillating(data: tuple[int, float, float], share: float, seed: int) -> Iterator[Case]:
    """Gradient descent without noise, just below what the curvature lets it do; the twin at a share of that."""
    inputs, condition, beta = data
    task = ill_conditioned(inputs, condition, seed)
    limit = 2 * (1 + beta) / top_curvature(task)
    name, examples = f"ill-conditioned-{inputs}", task.size("train")
    world = World(name, lambda: task, SGD(momentum=beta), examples, 300, 0.0, share * limit)
    make = partial(made_case, world, task, seed)
    yield make("twin", ())
    yield make("oscillation", {Fault.OSCILLATION, Fault.TOO_HIGH}, lr=0.9995 * limit)


def _at_the_edge(name: str, make_task: Callable[[], Task], sharp: float, rate: float, seed: int) -> Iterator[Case]:
    """Full batches of 300 examples at a learning rate that lets the sharpness rise to the edge of stability."""
    task = f.first(make_task(), 300)
    world = World(f"full-batch-{name}", make_task, SGD(), 300, 600, 0.0, rate)
    make = partial(made_case, world, task, seed)
    yield make("twin", ())
    points = (Seldom(Sharpness(300), tuple(range(0, 601, 100))),)
    yield make("edge of stability", {Fault.EDGE}, lr=sharp, measures=points)


def _noisy(base: World, rule: Rule, few: tuple[int, float], many: tuple[int, float], seed: int) -> Iterator[Case]:
    """Noise of small batches that holds the loss up: a learning rate that never falls, and a batch that was cut down."""
    faults = {Fault.NOISE_FLOOR, Fault.BATCH_SIZE, Fault.TOO_HIGH}
    task = base.make()
    world = replace(base, name=f"noise-{base.name}", rule=rule, batch_size=few[0], good=few[1])
    make = partial(made_case, world, task, seed)
    yield make("twin", (), schedule=parse_schedule("linear(to=0)", world.steps))
    yield make("noise floor", faults)
    world = replace(base, name=f"batch-{base.name}", rule=rule, batch_size=many[0], good=many[1])
    yield made_case(world, task, seed, "twin", ())
    yield made_case(replace(world, batch_size=few[0]), task, seed, "small batch", faults)


def _unwarmed(
    base: World, net: Callable[[], nn.Module], rule: Rule, share: float, rate: float, seed: int
) -> Iterator[Case]:
    """A learning rate that a warm-up makes good: begun at once it breaks the network, and no lower one gets as far.

    Hidden weights of twice the reciprocal root of the layer's width do that to ReLUs: the loss is steep at first, and less so
    after a few careful steps. (The last layer is drawn five times too small, so that outputs are no larger than usual.)
    """
    task = f.altered(f.with_model(base.make(), net), partial(f.make_steep, 3.4, 0.2))
    make = partial(made_case, replace(base, name=f"steep-{base.name}", rule=rule, good=rate), task, seed)
    warm = round(share * base.steps)
    yield make("twin", (), schedule=chain(LinearWarmup(warm), Constant(base.steps - warm)))
    yield make("no warm-up", {Fault.NO_WARMUP})


def _pixels(base: World) -> int:
    return int(base.make().train[0][0].numel())
