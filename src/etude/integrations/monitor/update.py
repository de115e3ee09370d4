"""One update of an optimizer: what is kept of it, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from etude.integrations.monitor.tensors import lengths, products


@final
@dataclass(frozen=True, eq=False)
class Look:
    """One update, looked at closely; lengths of the parameters that have a gradient, on their device.

    Attributes:
        params: Those parameters (N).
        gradients: Lengths of their gradients as the optimizer got them (N,).
        weights: Lengths of the weights before the update (N,).
        updates: Lengths of w_{t+1} − w_t (N,).
        unclipped: Lengths of the gradients where ``read_gradients`` was called (N,), or ``None``.
    """

    params: tuple[Tensor, ...]
    gradients: Tensor
    weights: Tensor
    updates: Tensor
    unclipped: Tensor | None


@final
@dataclass(frozen=True, eq=False)
class Update:
    """One update, whole: factor · tensors; the factor is one number per tensor (N,), or one for all."""

    params: tuple[Tensor, ...]
    tensors: list[Tensor]
    factor: Tensor | float

    @cached_property
    def lengths(self) -> Tensor:
        """Length of the update of each parameter (N,)."""
        factor = self.factor.abs() if isinstance(self.factor, Tensor) else abs(self.factor)
        return lengths(self.tensors) * factor

    def by_parameter(self) -> dict[Tensor, Tensor]:
        """The update w_{t+1} − w_t of each parameter."""
        factor = self.factor
        factors = list(factor.unbind()) if isinstance(factor, Tensor) else [torch.tensor(factor)] * len(self.params)
        return {p: t.detach() * f for p, t, f in zip(self.params, self.tensors, factors, strict=True)}

    def alignment(self) -> Tensor | None:
        """Cosine of the present gradient and minus this update."""
        grads = [p.grad for p in self.params]
        if any(g is None for g in grads):
            return None
        given = [g for g in grads if g is not None]
        along = -(products(given, self.tensors) * self.factor).sum()
        cosine: Tensor = along / torch.linalg.vector_norm(lengths(given)) / torch.linalg.vector_norm(self.lengths)
        return cosine
