"""Weights whose length does not matter, and how far they turn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from etude.training.probes.isolated import isolated

FACTORS = (0.5, 2.0)
"""Lengths at which the loss is compared."""

SHARE = 0.01
"""Change of the loss under scaling, relative to that under turning, below which a weight counts as scale-invariant. Not zero,
because of the ε that normalization adds to the variance."""


def turns(w: Tensor, update: Tensor) -> Tensor:
    r"""Angles [radians] by which updates turn weights, lane by lane, exact for short updates in any precision.

    .. math:: \arctan \frac{\lVert u_\perp \rVert}{\lVert w \rVert + u_\parallel}, \quad
              u_\parallel = u \cdot \hat w, \quad u_\perp = u - u_\parallel \hat w

    Args:
        w: Weights before the update, (K, ...).
        update: u, (K, ...).

    Returns:
        0 … π, (K,); NaN where a weight is zero.

    Example:
        >>> turns(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1e-6]]))
        tensor([1.0000e-06])
    """
    w, u = w.reshape(len(w), -1), update.reshape(len(update), -1)
    length = torch.linalg.vector_norm(w, dim=1)
    unit = w / length.unsqueeze(1)
    along = (u * unit).sum(1)
    across = torch.linalg.vector_norm(u - along.unsqueeze(1) * unit, dim=1)
    return torch.atan2(across, length + along)


def scale_invariant(
    module: nn.Module, loss: Callable[[], Tensor], *, dtype: torch.dtype | None = None
) -> tuple[str, ...]:
    r"""Names of the weights whose length does not change the loss, found by trying.

    .. math:: |L(\alpha w) - L(w)| < 0.01 \max |L(w + \lVert w \rVert d) - L(w)| \quad \text{for } \alpha = \tfrac12, 2

    with d two random directions of length one: where turning a weight does nothing either, it is unused, not invariant. These
    are the weights that batch or layer normalization follows. Their gradient is orthogonal to them, so every step makes them
    longer and turns them less; with weight decay λ the two balance at √(2ηλ) radians a step.

    Each weight costs four forward passes in training mode, with the batch's own statistics, since the running ones would not
    follow; once for a model is enough. Dropout draws the same mask each time. The module is left as it was.

    Args:
        module: The model.
        loss: Computes the scalar loss on a batch.
        dtype: As of ``isolated``.

    References:
        van Laarhoven (2017), L2 regularization versus batch and weight normalization. arXiv:1706.05350.
        Wan et al. (2021), Spherical motion dynamics, eq. 13. arXiv:2006.08419.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        >>> x = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
        >>> scale_invariant(model, lambda: model(x).square().sum())
        ('0.weight',)
    """

    def at(weights: dict[str, Tensor]) -> float:
        with isolated(module, weights, dtype=dtype), torch.no_grad():
            module.train()
            return float(loss())

    start = at({})
    found = []
    for name, p in module.named_parameters():
        if p.dim() > 1 and p.requires_grad:
            w = p.detach()
            scaled = max(abs(at({name: factor * w}) - start) for factor in FACTORS)
            turned = max(abs(at({name: w + w.norm() * d}) - start) for d in _directions(w))
            if scaled < SHARE * turned:
                found.append(name)
    return tuple(found)


def _directions(w: Tensor) -> list[Tensor]:
    """Two directions, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(w.shape, generator=generator).to(w) for _ in range(2)]
    return [d / d.norm() for d in drawn]
