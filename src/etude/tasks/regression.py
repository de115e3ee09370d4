"""Logistic and ridge regression as tasks in float64: on drawn points, and on the handwritten digits.

Their minima are known to rounding (``etude.analysis.descent.minimum``), so that what descent does can be held against theory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from etude.core.errors import SpecError
from etude.tasks.data import load_images
from etude.tasks.task import Task


@final
class PenalizedLinear(nn.Module):
    """A linear map x ↦ Wx without bias whose last output is the penalty ½μ‖W‖², which ``PenalizedLoss`` adds to the loss.

    Args:
        inputs: d.
        outputs: C.
        penalty: μ ≥ 0.
    """

    def __init__(self, inputs: int, outputs: int, penalty: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)
        self.penalty = penalty

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, d) → outputs and penalty (B, C + 1)."""
        price = 0.5 * self.penalty * self.linear.weight.square().sum()
        return torch.cat([self.linear(inputs), price.expand(len(inputs), 1)], dim=1)

    def extra_repr(self) -> str:
        """The penalty, which is part of what a task is."""
        return f"penalty={self.penalty}"


@final
@dataclass(frozen=True)
class PenalizedLoss:
    """A mean loss of all outputs but the last, plus the last, which is the penalty.

    Attributes:
        loss: (output, target) → scalar.
    """

    loss: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Output (B, C + 1) and target → scalar."""
        return self.loss(output[:, :-1], target) + output[:, -1].mean()


def logistic_loss(output: Tensor, signs: Tensor) -> Tensor:
    """ln(1 + exp(−y·z)), the mean over outputs z (B, 1) and signs y ∈ {−1, 1} (B, 1)."""
    return functional.softplus(-signs * output).mean()


def logistic_regression(examples: int = 200, features: int = 5, noise: float = 2.0) -> Task:
    """Two classes that overlap: y = sign(Σⱼ xⱼ + ε) for standard normal x and normal ε; no penalty.

    Args:
        examples: n; as many again are held out.
        features: d.
        noise: Standard deviation of ε. 2 leaves no plane that separates the classes.

    Example:
        >>> task = logistic_regression()
        >>> task.size("train"), float(task.train[1].abs().min())
        (200, 1.0)
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2 * examples, features, generator=generator, dtype=torch.float64)
    errors = noise * torch.randn(2 * examples, 1, generator=generator, dtype=torch.float64)
    signs = torch.where(inputs.sum(dim=1, keepdim=True) + errors > 0, 1.0, -1.0).double()
    train, held_out = ((inputs[rows], signs[rows]) for rows in (slice(examples), slice(examples, None)))
    model = partial(nn.Linear, features, 1, bias=False, dtype=torch.float64)
    return Task("logistic-regression", model, train, held_out, logistic_loss)


def digits_softmax(penalty: float) -> Task:
    """Softmax regression on the handwritten digits: 64 pixels and a constant 1, ten classes, penalty ½μ‖W‖².

    Args:
        penalty: μ > 0.

    Raises:
        SpecError: When the penalty is not positive.

    Example:
        >>> task = digits_softmax(0.01)
        >>> tuple(task.train[0].shape), task.train[1].dtype
        ((1437, 65), torch.int64)
    """
    _check_penalty(penalty)
    images = load_images("digits")
    train, held_out = ((_rows(x), y) for x, y in (images.train, images.validation))
    model = partial(PenalizedLinear, train[0].shape[1], images.classes, penalty)
    return Task("digits-softmax", model, train, held_out, PenalizedLoss(functional.cross_entropy))


def digits_ridge(penalty: float) -> Task:
    """Ridge regression of the handwritten digits' ten indicator variables on 64 pixels and a constant 1.

    The loss is the mean squared error over examples and classes, plus ½μ‖W‖².

    Args:
        penalty: μ > 0.

    Raises:
        SpecError: When the penalty is not positive.

    Example:
        >>> tuple(digits_ridge(0.01).train[1].shape)
        (1437, 10)
    """
    _check_penalty(penalty)
    images = load_images("digits")
    train, held_out = (
        (_rows(x), functional.one_hot(y, images.classes).double()) for x, y in (images.train, images.validation)
    )
    model = partial(PenalizedLinear, train[0].shape[1], images.classes, penalty)
    return Task("digits-ridge", model, train, held_out, PenalizedLoss(functional.mse_loss))


def _rows(images: Tensor) -> Tensor:
    """Images (N, 1, S, S) as rows of pixels and a constant 1 for the intercept, (N, S² + 1)."""
    return torch.cat([images.flatten(1).double(), torch.ones(len(images), 1, dtype=torch.float64)], dim=1)


def _check_penalty(penalty: float) -> None:
    if not penalty > 0:
        raise SpecError(f"needs penalty > 0, got {penalty}: some pixels are the same in all digits")
