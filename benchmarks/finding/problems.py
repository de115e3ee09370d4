"""The problems that finders are tried on: half of them to choose constants on, half to report on.

The split was stated before a method had been run, and is balanced: in each half the same numbers of update rules (three times
momentum, two Adam, two AdamW, one plain SGD), one regression, one problem with noisy labels, one that starts from a trained
network, one GRU, one transformer, one batch normalization, one of token sequences. Examples are seen 5 to 30 times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, TypeAlias, final

import numpy as np
import torch
from sources import digits, noisy_digits, teacher
from torch import nn, optim

from etude.core.rule import Rule
from etude.core.trace import Array
from etude.tasks.models import gru, mlp
from etude.tasks.task import Task
from etude.training.rules import SGD, Adam, AdamW
from finding.data import clothing, marked_symbol, most_frequent, rotated_clothing, upper_clothing
from finding.nets import SmallTransformer, small_cnn

Half: TypeAlias = Literal["tuning", "held-out"]
HALVES: tuple[Half, ...] = ("tuning", "held-out")
STEPS, BATCH = 300, 64
_PER_DECADE, _COUNT = 5, 24


@final
@dataclass(frozen=True)
class Problem:
    """A task with the update rule that trains it.

    Attributes:
        half: ``"tuning"``, where constants may be chosen, or ``"held-out"``.
        name: For tables and files.
        make: Makes the task.
        rule: Update rule.
        lowest: Lowest η of the truth's grid.
    """

    half: Half
    name: str
    make: Callable[[], Task]
    rule: Rule
    lowest: float

    def task(self) -> Task:
        """The task, made once."""
        return _made(self.make)

    @property
    def lrs(self) -> Array:
        """The truth's grid, 24 η, five per decade."""
        return np.array([float(f"{self.lowest * 10 ** (i / _PER_DECADE):.4g}") for i in range(_COUNT)])

    @property
    def default(self) -> float:
        """The η that one would take without looking."""
        return 1e-2 if isinstance(self.rule, SGD) else 1e-3

    def optimizer(self, parameters: Any) -> optim.Optimizer:
        """Torch's optimizer that makes the same updates as ``rule``."""
        match self.rule:
            case SGD(momentum=momentum):
                return optim.SGD(parameters, lr=self.default, momentum=momentum)
            case AdamW():
                return optim.AdamW(parameters, lr=self.default)
            case _:
                return optim.Adam(parameters, lr=self.default)

    def model(self, seed: int) -> nn.Module:
        """A new model; torch's generator then stands at the seed, so that orders of batches follow from it."""
        model = self.task().init(seed)
        torch.manual_seed(seed)
        return model


@cache
def _made(make: Callable[[], Task]) -> Task:
    return make()


def problems() -> tuple[Problem, ...]:
    """All problems, those for tuning first."""
    return *_tuning(), *_held_out()


def _tuning() -> tuple[Problem, ...]:
    heavy, on = SGD(momentum=0.9), partial(Problem, "tuning")
    tokens = partial(SmallTransformer, 8, 24, 8, post=False)
    return (
        on("digits-mlp", partial(digits, partial(mlp, 64, (128,), 10)), heavy, 1e-4),
        on("fashion-mlp-adamw", partial(clothing, 1, partial(mlp, 196, (96, 96), 10)), AdamW(), 1e-5),
        on("digits-bn", partial(digits, partial(small_cnn, 8, 10, nn.ReLU, batch_norm=True)), heavy, 1e-4),
        on("digits-gru-adam", partial(digits, partial(gru, 1, 8, 10, 24)), Adam(), 1e-4),
        on("tokens-transformer-adamw", partial(most_frequent, 8, tokens), AdamW(), 3e-5),
        on("noisy-mlp", partial(noisy_digits, 0.4, partial(mlp, 64, (128,), 10)), heavy, 1e-4),
        on("teacher-sgd", partial(teacher, 8, 0.1, 3, partial(mlp, 8, (64, 64), 1, "tanh")), SGD(), 1e-3),
        on("fine-tuned-cnn-adam", upper_clothing, Adam(), 1e-5),
    )


def _held_out() -> tuple[Problem, ...]:
    heavy, on = SGD(momentum=0.9), partial(Problem, "held-out")
    tokens = partial(SmallTransformer, 7, 24, 10, post=True)
    return (
        on("fashion-mlp-sgd", partial(clothing, 1, partial(mlp, 196, (64, 64), 10, "silu")), SGD(), 1e-3),
        on("fashion-cnn", partial(clothing, 1, partial(small_cnn, 14, 10, nn.GELU)), heavy, 1e-4),
        on("digits-bn-adamw", partial(digits, partial(small_cnn, 8, 10, nn.SiLU, batch_norm=True)), AdamW(), 3e-5),
        on("tokens-gru", partial(marked_symbol, 10, 8, partial(gru, 1, 8, 8, 24)), heavy, 3e-4),
        on("fashion-transformer-adam", partial(clothing, 2, tokens), Adam(), 3e-5),
        on("noisy-mlp-adamw", partial(noisy_digits, 0.3, partial(mlp, 64, (96,), 10, "silu")), AdamW(), 1e-5),
        on("teacher-adam", partial(teacher, 12, 0.3, 5, partial(mlp, 12, (48, 48), 1, "gelu")), Adam(), 1e-5),
        on("fine-tuned-mlp", rotated_clothing, heavy, 1e-4),
    )
