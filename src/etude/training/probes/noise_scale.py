"""How noisy the gradient is: tr Σ and |G|², two numbers that are averaged before they are divided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from etude.core.errors import SpecError
from etude.training.probes.isolated import isolated

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
FloatArray: TypeAlias = NDArray[np.float64]

CHUNK_NUMBERS = 2**24
"""Numbers of the per-example gradients that are held at once (64 MiB in float32)."""

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
    sums: list[Tensor] = []
    squares: list[float] = []
    sizes = [len(part) for part in torch.arange(count).chunk(_GROUPS)]
    with isolated(module):
        rows = _one_by_one(each_gradient(module, loss, x[: count * batch], y[: count * batch], batch))
        for size in sizes:
            group = [next(rows) for _ in range(size)]
            squares.append(sum(float(g @ g) for g in group))
            sums.append(torch.stack(group).sum(0))
    return _jackknifed(torch.stack(sums), np.array(squares), np.array(sizes), batch)


def mixes_examples(module: nn.Module) -> bool:
    """Whether examples of a batch interact in the mode the module is in, through the statistics of batch norm.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        >>> mixes_examples(model), mixes_examples(model.eval())
        (True, False)
    """
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    return any(norm.training or norm.running_mean is None for norm in norms)


def each_gradient(module: nn.Module, loss: Loss, x: Tensor, y: Tensor, batch: int = 1) -> Iterator[Tensor]:
    """Gradients of one batch after the other, flat, with respect to the parameters that need one, in chunks (m, P).

    At once through torch.func where it takes the model, else batch by batch; both give the same numbers up to rounding.

    Args:
        module: The model; buffers that it moves do move.
        loss: Mean loss of (output, target) over a batch.
        x: Inputs (M·B, ...).
        y: Targets (M·B, ...).
        batch: B, examples of one gradient.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
        >>> torch.cat(list(each_gradient(layer, lambda out, y: (out - y).sum(), x, y)))
        tensor([[1., 0.],
                [0., 3.]])
    """
    x, y = x.reshape(-1, batch, *x.shape[1:]), y.reshape(-1, batch, *y.shape[1:])
    wanted = {name: p for name, p in module.named_parameters() if p.requires_grad}
    at_once = max(1, CHUNK_NUMBERS // sum(p.numel() for p in wanted.values()))
    mapped: _Mapped | None = _mapped_gradient(module, loss, wanted)
    for xs, ys in zip(torch.split(x, at_once), torch.split(y, at_once), strict=True):
        if mapped is not None:
            try:
                yield mapped(xs, ys)
            except RuntimeError:  # in the ways of torch.func: a fused kernel, a buffer in place, a branch on a value
                mapped = None
            else:
                continue
        for one, target in zip(xs, ys, strict=True):
            yield _gradient(module, loss, list(wanted.values()), one, target).unsqueeze(0)


_Mapped: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def _mapped_gradient(module: nn.Module, loss: Loss, wanted: dict[str, nn.Parameter]) -> _Mapped:
    from torch.func import functional_call, grad, vmap

    def objective(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return loss(functional_call(module, weights, (x,)), y)

    values = {name: p.detach() for name, p in wanted.items()}
    gradient = vmap(grad(objective), in_dims=(None, 0, 0), randomness="different")

    def chunk(xs: Tensor, ys: Tensor) -> Tensor:
        return torch.cat([g.flatten(1) for g in gradient(values, xs, ys).values()], dim=1)

    return chunk


def _gradient(module: nn.Module, loss: Loss, wanted: list[nn.Parameter], x: Tensor, y: Tensor) -> Tensor:
    with torch.enable_grad():
        parts = torch.autograd.grad(loss(module(x), y), wanted, allow_unused=True)
    return torch.cat(
        [torch.zeros_like(p).flatten() if g is None else g.flatten() for p, g in zip(wanted, parts, strict=True)]
    )


def _one_by_one(chunks: Iterator[Tensor]) -> Iterator[Tensor]:
    for chunk in chunks:
        yield from chunk


def _jackknifed(sums: Tensor, squares: FloatArray, sizes: FloatArray, batch: int) -> GradientNoise:
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
