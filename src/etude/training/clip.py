"""Clipping by the global norm and by value, within each lane."""

from __future__ import annotations

import torch
from torch import Tensor

from etude.core.gradients import Params
from etude.training.vectors import norms

_GUARD = 1e-6


def clip_(grads: Params, limits: Tensor) -> Tensor:
    r"""Scale each lane's gradient to at most a norm, in place.

    .. math:: g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert + 10^{-6}}\right)

    with c from ``limits`` and the norm taken over all parameters of a lane. The guard is the one of
    ``torch.nn.utils.clip_grad_norm_``, so that both clip alike.

    Args:
        grads: Gradients, each of shape (K, ...).
        limits: c > 0 of each lane, (K,); infinite for no clipping, which then leaves every bit as it is.

    Returns:
        The factors, (K,).

    References:
        Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.

    Example:
        >>> g = {"w": torch.tensor([[3.0, 4.0], [0.3, 0.4]])}
        >>> clip_(g, torch.tensor([1.0, 1.0]))
        tensor([0.2000, 1.0000])
        >>> g["w"].norm(dim=1)
        tensor([1.0000, 0.5000])
    """
    # A number divided by a tensor is, in torch, its reciprocal times the number, and so it is in ``clip_grad_norm_``.
    factors = (norms(grads) + _GUARD).reciprocal().mul_(limits).clamp_(max=1.0)
    factors = factors.where(limits.isfinite(), torch.ones_like(factors))
    for g in grads.values():
        g.mul_(factors.view(-1, *[1] * (g.dim() - 1)))
    return factors


def clip_values_(grads: Params, limits: Tensor) -> Tensor:
    r"""Cut every entry of each lane's gradient off at a size, in place.

    .. math:: g_i \leftarrow \min(c, \max(-c, g_i))

    with c from ``limits``. Unlike clipping by the norm it turns the gradient: where all entries are cut off, towards its signs.

    Args:
        grads: Gradients, each of shape (K, ...).
        limits: c > 0 of each lane, (K,); infinite for no clipping, which then leaves every bit as it is.

    Returns:
        The share of the norm that is left, (K,); 1 where nothing was cut off.

    Example:
        >>> g = {"w": torch.tensor([[3.0, -4.0], [0.3, 0.4]])}
        >>> clip_values_(g, torch.tensor([1.0, 1.0]))
        tensor([0.2828, 1.0000])
        >>> g["w"]
        tensor([[ 1.0000, -1.0000],
                [ 0.3000,  0.4000]])
    """
    before = norms(grads)
    for g in grads.values():
        c = limits.view(-1, *[1] * (g.dim() - 1))
        torch.clamp(g, -c, c, out=g)
    left = norms(grads) / before
    return left.where(limits.isfinite() & (before > 0), torch.ones_like(left))
