"""The tasks on which the diagnosis is tried: some to choose thresholds on, some to report on, and some to check."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, final

import numpy as np
import torch
from nets import RowRNN, RowTransformer, three_layer_cnn
from sources import (
    arm,
    digits,
    exclusive,
    fashion,
    friedman,
    mixture,
    noisy_digits,
    pooled,
    recall,
    scattered,
    shells,
    spirals,
    teacher,
    thirds,
    waves,
)

from etude.core.rule import Rule
from etude.tasks.models import cnn, gru, mlp
from etude.tasks.task import Task
from etude.training.gradients.explicit import explicit_gradients
from etude.training.rules import SGD, Adam, AdamW, NAdam, RMSprop

Half: TypeAlias = Literal["development", "held-out", "check"]
HALF_DECADE = math.sqrt(10)


@final
@dataclass(frozen=True)
class World:
    """A task with what it is trained by.

    Attributes:
        name: For tables.
        make: Makes the task.
        rule: Update rule.
        batch_size: Examples per step.
        steps: Horizon.
        lowest: Lowest of the 13 learning rates of its sweep, half a decade apart.
        good: A learning rate in the middle of its basin, at which faults are planted.
    """

    name: str
    make: Callable[[], Task]
    rule: Rule
    batch_size: int
    steps: int
    lowest: float
    good: float

    @property
    def dear(self) -> bool:
        """Whether every lane costs as much as a run of its own."""
        task = self.make()
        return explicit_gradients(task.init(0), task) is None

    def lrs(self, seed: int) -> list[float]:
        """Learning rates of the sweep; where they are dear every second one, and the others at the next seed."""
        rates = [float(f"{self.lowest * HALF_DECADE**i:.4g}") for i in range(13)]
        return rates[seed % 2 :: 2] if self.dear else rates

    def among(self, chosen: Sequence[str] | None) -> bool:
        """Whether it is chosen: by name, as one of the ``dear`` or of the ``cheap`` ones, or with all."""
        return chosen is None or self.name in chosen or ("dear" if self.dear else "cheap") in chosen


def _on(name: str, make: Callable[[], Task], rule: Rule, shape: tuple[int, int], lrs: tuple[float, float]) -> World:
    (batch_size, steps), (lowest, good) = shape, lrs
    return World(name, make, rule, batch_size, steps, lowest, good)


def worlds(half: Half) -> tuple[World, ...]:
    """The worlds of a half."""
    if half == "check":
        return check()
    return (*development(), *once_held_out()) if half == "development" else held_out()


def development() -> tuple[World, ...]:
    """Worlds on which thresholds were chosen."""
    heavy, plain, on = SGD(momentum=0.9), SGD(), _on
    two, one = partial(mlp, 64, (128, 128), 10), partial(mlp, 64, (128,), 10)
    small, net = partial(RowTransformer, 8, 32, 2, 10, post=False), partial(mlp, 12, (48, 48), 1, "gelu")
    return (
        on("mlp", partial(digits, two), heavy, (64, 400), (1e-5, 0.03)),
        on("mlp-adam", partial(digits, two), Adam(), (64, 400), (1e-6, 0.001)),
        on("mlp-noise", partial(noisy_digits, 0.4, one), heavy, (64, 400), (1e-5, 0.03)),
        on("cnn-bn", partial(digits, partial(cnn, 1, 8, 10, batch_norm=True)), heavy, (64, 300), (1e-5, 0.03)),
        on("gru-adam", partial(digits, partial(gru, 1, 8, 10, 48)), Adam(), (64, 300), (1e-6, 0.01)),
        on(
            "regression",
            partial(teacher, 8, 0.1, 3, partial(mlp, 8, (64, 64), 1, "tanh")),
            heavy,
            (64, 400),
            (1e-5, 0.1),
        ),
        on("cnn-adam", partial(digits, partial(cnn, 1, 8, 10)), Adam(), (32, 300), (1e-6, 0.003)),
        on("tanh-sgd", partial(digits, partial(mlp, 64, (64, 64, 64), 10, "tanh")), plain, (32, 400), (1e-4, 0.3)),
        on("rnn", partial(digits, partial(RowRNN, 8, 48, 10)), heavy, (64, 300), (1e-5, 0.03)),
        on("transformer", partial(digits, small), AdamW(), (64, 300), (1e-6, 0.003)),
        on("cnn-noise", partial(noisy_digits, 0.2, partial(cnn, 1, 8, 10)), heavy, (64, 300), (1e-5, 0.03)),
        on("regression-adam", partial(teacher, 12, 0.3, 5, net), AdamW(), (32, 400), (1e-6, 0.01)),
        on("fashion", partial(fashion, partial(mlp, 196, (64, 64), 10, "silu")), heavy, (128, 400), (1e-5, 0.03)),
    )


def once_held_out() -> tuple[World, ...]:
    """Worlds that were reported on first, then looked at and learned from."""
    heavy, on = SGD(momentum=0.9), _on
    tokens = partial(RowTransformer, 14, 32, 2, 10, post=True)
    return (
        on("fashion-adamw", partial(fashion, partial(mlp, 196, (96, 96), 10)), AdamW(), (64, 400), (1e-6, 0.001)),
        on("fashion-cnn", partial(fashion, partial(cnn, 1, 14, 10, activation="gelu")), heavy, (64, 250), (1e-5, 0.03)),
        on("cnn-bn-adam", partial(digits, partial(cnn, 1, 8, 10, batch_norm=True)), Adam(), (32, 300), (1e-6, 0.003)),
        on("gru-sgd", partial(digits, partial(gru, 1, 8, 10, 32)), heavy, (32, 300), (1e-5, 0.1)),
        on("post-norm-adam", partial(fashion, tokens), Adam(), (32, 250), (1e-6, 0.005)),
        on(
            "noise-adamw",
            partial(noisy_digits, 0.3, partial(mlp, 64, (96,), 10, "silu")),
            AdamW(),
            (64, 400),
            (1e-6, 0.003),
        ),
        on(
            "teacher-sgd",
            partial(teacher, 16, 0.4, 9, partial(mlp, 16, (96,), 1)),
            SGD(momentum=0.8),
            (32, 400),
            (1e-5, 0.03),
        ),
        on("deep-adam", partial(digits, partial(mlp, 64, (48,) * 5, 10, "tanh")), Adam(), (32, 400), (1e-6, 0.001)),
    )


def held_out() -> tuple[World, ...]:
    """Worlds to report on: no threshold was changed after they had been looked at."""
    look, heavy, on = SGD(momentum=0.9, nesterov=True), SGD(momentum=0.9), _on
    seven, half, other = partial(pooled, 7, 20_000, 6000), partial(pooled, 14, 30_000, 6000), partial(recall, 10)
    tokens = partial(RowTransformer, 10, 24, 3, 8, post=False)
    return (
        on("pooled-nesterov", partial(seven, 0.0, partial(mlp, 49, (80, 40), 10)), look, (50, 350), (1e-5, 0.05)),
        on(
            "spirals-adam",
            partial(spirals, 3, partial(mlp, 2, (40, 40), 3, "tanh")),
            Adam(beta2=0.99),
            (40, 500),
            (1e-6, 0.01),
        ),
        on(
            "friedman-sgd",
            partial(friedman, 1.0, partial(mlp, 10, (40, 40), 1, "silu")),
            SGD(momentum=0.5),
            (48, 450),
            (1e-5, 0.18),
        ),
        on(
            "pooled-noise-adam",
            partial(seven, 0.25, partial(mlp, 49, (100,), 10, "tanh")),
            Adam(),
            (100, 350),
            (1e-6, 0.009),
        ),
        on(
            "arm-adamw",
            partial(arm, 0.05, partial(mlp, 5, (60, 30), 2)),
            AdamW(weight_decay=0.05),
            (40, 450),
            (1e-6, 0.009),
        ),
        on("mixture-sgd", partial(mixture, 6, partial(mlp, 20, (100,), 6)), SGD(), (24, 450), (1e-4, 0.18)),
        on(
            "pooled-rmsprop",
            partial(half, 0.0, partial(mlp, 196, (64,), 10, "gelu")),
            RMSprop(),
            (80, 350),
            (1e-6, 0.003),
        ),
        on("pooled-cnn", partial(seven, 0.0, partial(three_layer_cnn, 7, 10)), look, (40, 250), (1e-5, 0.09)),
        on(
            "pooled-cnn-bn",
            partial(seven, 0.1, partial(three_layer_cnn, 7, 10, batch_norm=True)),
            AdamW(),
            (50, 250),
            (1e-6, 0.005),
        ),
        on("recall-gru", partial(other, 8, partial(gru, 1, 10, 8, 40)), Adam(), (50, 300), (1e-6, 0.018)),
        on("recall-elman", partial(recall, 4, 8, partial(RowRNN, 10, 40, 8)), heavy, (50, 400), (1e-5, 0.09)),
        on("recall-transformer", partial(other, 8, tokens), Adam(beta2=0.98), (50, 250), (1e-6, 0.009)),
    )


def check() -> tuple[World, ...]:
    """Worlds to check with after rules had been withdrawn because of the held-out ones: sweeps only, many of noisy data."""
    on = _on
    wide, waved = partial(mlp, 81, (256,), 10), partial(mlp, 2, (64, 64), 1)
    deep, narrow = partial(mlp, 64, (56,) * 4, 10, "silu"), partial(mlp, 4, (48, 48), 1, "tanh")
    near = SGD(momentum=0.95, nesterov=True)
    return (
        on("thirds-sgd", partial(thirds, 0.0, wide), SGD(), (128, 300), (1e-4, 0.3)),
        on("thirds-noise-adam", partial(thirds, 0.25, wide), Adam(), (64, 300), (1e-6, 0.003)),
        on("digits-nadam", partial(digits, deep), NAdam(), (32, 350), (1e-6, 0.003)),
        on("scattered-adamw", partial(scattered, 1.0, narrow), AdamW(weight_decay=0.1), (128, 350), (1e-6, 0.01)),
        on("waves-sgd", partial(waves, 0.1, waved), SGD(momentum=0.9), (16, 500), (1e-5, 0.01)),
        on(
            "shells-adam",
            partial(shells, 4, 0.3, partial(mlp, 6, (64, 64), 4, "gelu")),
            Adam(),
            (256, 250),
            (1e-6, 0.006),
        ),
        on("exclusive-nesterov", partial(exclusive, 0.15, partial(mlp, 10, (96,), 2)), near, (96, 450), (1e-5, 0.03)),
    )


def chance_loss(task: Task) -> float:
    """Loss of the best constant output on the training data."""
    y = task.train[1]
    if not task.classification:
        return float(y.var(unbiased=False))
    shares = torch.bincount(y).double().numpy() / len(y)
    return float(-(shares * np.log(np.maximum(shares, 1e-12))).sum())
