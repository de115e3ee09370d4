"""A lane's tensors as one long vector.

What belongs to a lane is summed along the last axis: along the first, torch rounds one lane differently from several.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from etude.core.gradients import Params


def norms(tensors: Params) -> Tensor:
    """Euclidean norm of every lane over all its tensors, (K,).

    Example:
        >>> norms({"w": torch.tensor([[3.0], [0.0]]), "b": torch.tensor([4.0, 2.0])})
        tensor([5., 2.])
    """
    return together(layer_norms(tensors).values())


def layer_norms(tensors: Params) -> dict[str, Tensor]:
    """Euclidean norm of every lane over each of its tensors, (K,) each."""
    return {name: torch.linalg.vector_norm(t.reshape(len(t), -1), dim=1) for name, t in tensors.items()}


def together(parts: Iterable[Tensor]) -> Tensor:
    """Norm of every lane, (K,), from the norms of its parts."""
    total: Tensor = torch.linalg.vector_norm(torch.stack(list(parts), dim=1), dim=1)
    return total


def cosines(a: Params, b: Params) -> Tensor:
    r"""Cosine of the angle between two vectors of every lane, (K,); NaN where one of them is zero.

    .. math:: \frac{\langle a, b \rangle}{\lVert a \rVert \lVert b \rVert}

    Example:
        >>> cosines({"w": torch.tensor([[3.0, 4.0]])}, {"w": torch.tensor([[0.0, 1.0]])})
        tensor([0.8000])
    """
    products = [(own * b[name]).reshape(len(own), -1).sum(1) for name, own in a.items()]
    return torch.stack(products, dim=1).sum(1) / norms(a) / norms(b)
