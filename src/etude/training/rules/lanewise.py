"""Reductions that stay within a lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def lane_norm(values: Tensor) -> Tensor:
    """Euclidean norm of every lane, (K, 1, ..., 1), so that it broadcasts against ``values`` (K, ...)."""
    return spread(values.reshape(len(values), -1).norm(dim=1), values)


def lane_dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product within every lane, (K,)."""
    return lane_sum(a * b)


def lane_sum(values: Tensor) -> Tensor:
    """Sum of every lane, (K,)."""
    return values.reshape(len(values), -1).sum(1)


def spread(per_lane: Tensor, values: Tensor) -> Tensor:
    """One number per lane (K,) in the dtype of ``values`` (K, ...), shaped to broadcast against it."""
    return per_lane.to(values.dtype).view(-1, *[1] * (values.dim() - 1))


def lane_scalar(param: Tensor, value: float = 0.0) -> Tensor:
    """A fresh number per lane (K,); in double precision, as one number more costs nothing."""
    return param.new_full((len(param),), value).double()
