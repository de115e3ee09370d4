"""A lane's tensors as one long vector."""

from __future__ import annotations

import torch
from torch import Tensor

from etude.core.gradients import Params


def norms(tensors: Params) -> Tensor:
    """Euclidean norm of every lane over all its tensors, (K,).

    Example:
        >>> norms({"w": torch.tensor([[3.0], [0.0]]), "b": torch.tensor([4.0, 2.0])})
        tensor([5., 2.])
    """
    per_tensor = [torch.linalg.vector_norm(t.reshape(len(t), -1), dim=1) for t in tensors.values()]
    total: Tensor = torch.linalg.vector_norm(torch.stack(per_tensor), dim=0)
    return total


def cosines(a: Params, b: Params) -> Tensor:
    r"""Cosine of the angle between two vectors of every lane, (K,); NaN where one of them is zero.

    .. math:: \frac{\langle a, b \rangle}{\lVert a \rVert \lVert b \rVert}

    Example:
        >>> cosines({"w": torch.tensor([[3.0, 4.0]])}, {"w": torch.tensor([[0.0, 1.0]])})
        tensor([0.8000])
    """
    products = [(a[name] * b[name]).reshape(len(b[name]), -1).sum(1) for name in a]
    return torch.stack(products).sum(0) / norms(a) / norms(b)
