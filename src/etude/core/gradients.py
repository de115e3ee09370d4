"""How the lanes of a stack get their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Params: TypeAlias = "dict[str, Tensor]"
"""Tensors by the parameter's name, the lane axis first: (K, ...)."""


class Gradients(Protocol):
    """Losses, gradients and outputs of K lanes that see the same batch.

    Axes: K lanes, B batch. Parameters and buffers carry the lane axis first. A lane's numbers depend on that lane alone.
    """

    def __call__(self, params: Params, buffers: Params, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Params]:
        """Loss of each lane (K,) on a batch and its gradient; buffers (batch norm's statistics) move in place.

        ``seed`` fixes the randomness of a model that has any (dropout), equally for all lanes. The gradient's tensors may be
        reused by the next call: who keeps them copies them.
        """
        ...

    def outputs(self, params: Params, buffers: Params, x: Tensor) -> Tensor:
        """Outputs in evaluation mode, (K, B, ...)."""
        ...
