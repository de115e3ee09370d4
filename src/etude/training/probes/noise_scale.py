"""How noisy the gradient is: tr Σ and |G|², two numbers that are averaged before they are divided."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from etude.core.errors import SpecError
from etude.training.probes.isolated import isolated
from etude.training.probes.per_example import Loss, each_gradient, mixes_examples

Numbers: TypeAlias = NDArray[np.float64]

_GROUPS = 16
"""Groups of gradients that the jackknife leaves out in turn: its standard errors are then known to about a fifth, and it keeps
as many sums as there are groups."""


@final
@dataclass(frozen=True)
class GradientNoise:
    r"""Unbiased estimates of the two parts of the gradient noise scale :math:`B = \mathrm{tr}\,\Sigma / |G|^2`.

    Divide only after averaging each part over many estimates: the mean of such ratios is biased upwards, and at a small
    batch by any amount. ``square`` alone may come out negative.

    Attributes:
        trace: tr Σ, the variance of one example's gradient, summed over the parameters.
        square: |G|², the squared norm of the true gradient.
        trace_error: Standard error of ``trace``; NaN from two gradients.
        square_error: Standard error of ``square``.
    """

    trace: float
    square: float
    trace_error: float = math.nan
    square_error: float = math.nan


def two_batch_noise(small_square: float, big_square: float, small: int, big: int) -> GradientNoise:
    r"""Estimate from the squared norms of gradients at two batch sizes.

    .. math::
        |G|^2 = \frac{B_b |G_b|^2 - B_s |G_s|^2}{B_b - B_s}, \qquad
        \mathrm{tr}\,\Sigma = \frac{|G_s|^2 - |G_b|^2}{1/B_s - 1/B_b}

    Args:
        small_square: |G_s|². Where the big batch is an average of small ones, take the mean over all of them: the last one
            alone is unbiased too, but about six times as noisy.
        big_square: |G_b|².
        small: B_s, examples of the small batch.
        big: B_b > B_s.

    Raises:
        SpecError: Unless 1 <= B_s < B_b.

    References:
        McCandlish et al. (2018), An empirical model of large-batch training, eqs. A.1 and A.2. arXiv:1812.06162.

    Example:
        >>> noise = two_batch_noise(small_square=3.0, big_square=1.5, small=1, big=4)
        >>> noise.trace, noise.square
        (2.0, 1.0)
    """
    if not 1 <= small < big:
        raise SpecError(f"needs 1 <= small < big, got {small} and {big}: take gradients at two different batch sizes")
    trace = (small_square - big_square) / (1 / small - 1 / big)
    return GradientNoise(trace, (big * big_square - small * small_square) / (big - small))


def gradient_noise(module: nn.Module, loss: Loss, x: Tensor, y: Tensor, batch: int = 1) -> GradientNoise:
    r"""Estimate from M gradients of as many batches of B examples each, in one pass over the examples.

    .. math::
        \mathrm{tr}\,\Sigma = \frac{B}{M-1} \sum_i \lVert g_i - \bar g \rVert^2, \qquad
        |G|^2 = \lVert \bar g \rVert^2 - \frac{\mathrm{tr}\,\Sigma}{M B}

    It is the two-batch estimator with B_s = B, averaged over all of the small batches, and B_b = MB. B = 1, gradients of single
    examples, has the least error. The standard errors are the jackknife's. The mode of the module is kept, so that dropout
    counts as noise, which it is; the module itself is left as it was.

    Args:
        module: The model.
        loss: Mean loss of (output, target) over a batch.
        x: Inputs (MB + rest, ...); the rest is left out.
        y: Targets (MB + rest, ...).
        batch: B. Where examples of a batch interact (batch norm in training mode) they have no gradients of their own: take
            the batch size of training then.

    Raises:
        SpecError: When there are fewer than two batches, or B = 1 and batch norm is in training mode.

    Example:
        >>> point = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.zeros_(point.weight)
        >>> x, y = torch.ones(4, 1), torch.tensor([[1.0], [2.0], [3.0], [4.0]])
        >>> noise = gradient_noise(point, lambda out, y: 0.5 * (out - y).square().mean(), x, y)
        >>> round(noise.trace, 4), round(noise.square, 4)  # the variance of 1, 2, 3, 4; and 2.5² less a quarter of it
        (1.6667, 5.8333)
    """
    count = len(x) // batch
    if count < 2:
        raise SpecError(f"needs two batches at least, got {len(x)} examples for batches of {batch}: pass more examples")
    if batch == 1 and mixes_examples(module):
        raise SpecError("needs batch > 1 where batch norm is in training mode, got 1: pass the batch size of training")
    with isolated(module):
        chunks = each_gradient(module, loss, x[: count * batch], y[: count * batch], batch)
        sums, squares, sizes = _grouped(chunks, count)
    return _jackknifed(sums, squares.double().cpu().numpy(), sizes.cpu().numpy(), batch)


def _grouped(chunks: Iterator[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of gradients (J, P), sums of their squared norms (J,) and sizes (J,) of J groups, from chunks (m, P)."""
    groups = min(_GROUPS, count)
    first = next(chunks)
    sums, squares = first.new_zeros(groups, first.shape[1]), first.new_zeros(groups, dtype=torch.float64)
    belongs = torch.arange(count, device=first.device) * groups // count
    start = 0
    for chunk in itertools.chain((first,), chunks):
        place = belongs[start : start + len(chunk)]
        sums.index_add_(0, place, chunk)
        squares.index_add_(0, place, torch.linalg.vector_norm(chunk, dim=1).double().square())
        start += len(chunk)
    return sums, squares, torch.bincount(belongs)


def _jackknifed(sums: Tensor, squares: Numbers, sizes: Numbers, batch: int) -> GradientNoise:
    """Both parts, and their errors by leaving out one group of gradients after the other.

    Args:
        sums: Sum of the gradients of each group, (J, P).
        squares: Sum of their squared norms, (J,).
        sizes: How many they are, (J,).
        batch: Examples of one gradient.
    """
    total = sums.sum(0)
    whole = _parts(float(total @ total), float(squares.sum()), int(sizes.sum()), batch)
    if sizes.sum() - sizes.max() < 2:
        return GradientNoise(*whole)
    left = [total - own for own in sums]
    without = np.array(
        [
            _parts(float(rest @ rest), squares.sum() - square, int(sizes.sum() - size), batch)
            for rest, square, size in zip(left, squares, sizes, strict=True)
        ]
    )
    groups = len(without)
    errors = np.sqrt((groups - 1) / groups * ((without - without.mean(0)) ** 2).sum(0))
    return GradientNoise(*whole, *map(float, errors))


def _parts(total_square: float, squares: float, count: int, batch: int) -> tuple[float, float]:
    """The trace tr Σ and |G|² from ‖Σ g‖², Σ ‖g‖² and the number of gradients."""
    mean_square = total_square / count**2
    trace = batch * (squares - count * mean_square) / (count - 1)
    return trace, mean_square - trace / (count * batch)
