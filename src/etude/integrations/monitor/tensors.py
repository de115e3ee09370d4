"""Lengths and products of many tensors at once, left on their device: nothing here waits for a number."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Number = float | Tensor
_WIDE = (torch.float32, torch.float64)


def scalar(value: Number) -> Number:
    """A number as it is now, kept apart from what the training goes on with; one on another device is not waited for."""
    if isinstance(value, Tensor) and value.device.type != "cpu":
        return value.detach().clone()
    return value.item() if isinstance(value, Tensor) else float(value)


def lengths(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm of each tensor, (N,); of a sharded one, over all its shards, which is a collective operation.

    Example:
        >>> lengths([torch.tensor([3.0, 4.0]), torch.zeros(2, 2)])
        tensor([5., 0.])
    """
    own = [_values(t) for t in tensors]
    first = own[0]
    if first.dtype in _WIDE and all(t.dtype == first.dtype and t.device == first.device for t in own):
        return whole(torch.stack(torch._foreach_norm(own)))
    # Half precision overflows at a norm of 65504, and layers may lie on several devices.
    norms = [torch.linalg.vector_norm(t, dtype=t.dtype if t.dtype in _WIDE else torch.float32) for t in own]
    return whole(torch.stack([n.to(first.device, torch.float32) for n in norms]))


def products(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Inner products of tensors pair by pair, (N,).

    Example:
        >>> products([torch.tensor([1.0, 2.0])], [torch.tensor([3.0, 4.0])])
        tensor([11.])
    """
    parts = [_product(_dense(x), y.detach()) for x, y in zip(a, b, strict=True)]
    return whole(torch.stack([p.to(parts[0].device) for p in parts]))


def whole(reduced: Tensor) -> Tensor:
    """A number that was reduced from shards, as every rank sees it; other tensors are as they were."""
    gather = getattr(reduced, "full_tensor", None)
    found: Tensor = reduced if gather is None else gather()
    return found


def own_parts(tensors: Sequence[Tensor]) -> list[Tensor]:
    """What lies on this rank of each tensor: all of it, or its shard."""
    return [getattr(t, "to_local", lambda t=t: t)() for t in tensors]


def is_sharded(tensor: Tensor) -> bool:
    """Whether the tensor is a part of a larger one that lies on several ranks."""
    return hasattr(tensor, "full_tensor")


def _values(tensor: Tensor) -> Tensor:
    """The entries that are stored: a sparse gradient's zeros add nothing."""
    found = tensor.detach()
    return found.coalesce().values() if found.is_sparse else found


def _dense(tensor: Tensor) -> Tensor:
    found = tensor.detach()
    return found.to_dense() if found.is_sparse else found


def _product(a: Tensor, b: Tensor) -> Tensor:
    plain = a.dtype == b.dtype and a.dtype in _WIDE and not is_sharded(a)
    if plain and a.is_contiguous() and b.is_contiguous():
        return torch.dot(a.view(-1), b.view(-1))  # a tenth of the time of multiplying and summing
    return (a * b).sum(dtype=None if a.dtype in _WIDE else torch.float32)
