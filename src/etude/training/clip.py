"""Clipping by the global norm, within each lane."""

from __future__ import annotations

import torch
from torch import Tensor

_GUARD = 1e-6


def clip_(grads: dict[str, Tensor], limit: float) -> Tensor:
    r"""Scale each lane's gradient to at most a norm, in place.

    .. math:: g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert + 10^{-6}}\right)

    with c = ``limit`` and the norm taken over all parameters of a lane. The guard is the one of
    ``torch.nn.utils.clip_grad_norm_``, so that both clip to the same bits.

    Args:
        grads: Gradients, each of shape (K, ...).
        limit: c > 0.

    Returns:
        The norms before clipping, (K,).

    References:
        Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.

    Example:
        >>> g = {"w": torch.tensor([[3.0, 4.0], [0.3, 0.4]])}
        >>> clip_(g, 1.0)
        tensor([5.0000, 0.5000])
        >>> g["w"].norm(dim=1)
        tensor([1.0000, 0.5000])
    """
    per_tensor = [torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in grads.values()]
    norms: Tensor = torch.linalg.vector_norm(torch.stack(per_tensor), dim=0)
    factor = (limit / (norms + _GUARD)).clamp(max=1.0)
    for g in grads.values():
        g.mul_(factor.view(-1, *[1] * (g.dim() - 1)))
    return norms
