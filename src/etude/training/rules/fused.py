"""Torch's fused kernels: a whole update in one pass over the memory, a lane at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FUSED_FROM = 2**14
"""Numbers per lane from which one pass per lane beats several passes over all lanes: those then leave the cache."""


def fused_pays(param: Tensor) -> bool:
    """Whether to update tensor by tensor with a fused kernel; decided by the lane alone, never by how many there are."""
    return param.numel() >= FUSED_FROM * len(param) and param.device.type == "cpu" and param.is_contiguous()


def each_lane(lr: Tensor, param: Tensor, grad: Tensor, *state: Tensor) -> Iterator[tuple[float, list[list[Tensor]]]]:
    """Learning rate of every lane, and its part of each tensor as the kernels want it, a list of one.

    The kernels go through the memory in order, whatever the strides are. Weights and state are in order; a gradient may not
    be, and its copy is as good.
    """
    lanes = zip(*(tensor.unbind() for tensor in (param, grad.contiguous(), *state)), strict=True)
    for rate, parts in zip(lr.flatten().tolist(), lanes, strict=True):
        yield rate, [[part] for part in parts]
