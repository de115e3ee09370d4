"""The weights themselves, of models that are small enough to look at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.errors import SpecError

if TYPE_CHECKING:
    from etude.core.measure import Columns, Moment

MOST = 16
"""Weights of a model that are recorded: each is a column as long as the run."""


@final
@dataclass(frozen=True)
class Weights:
    """Every weight w_t before each step, as columns ``weight/0``, ``weight/1``, … in the order of the model's parameters.

    With them a trajectory can be drawn as the lanes went. The last column entry is the point at which the last step started.

    Raises:
        SpecError: At the first step of a model with more than 16 weights.

    Example:
        >>> Weights()
        Weights()
    """

    def at_step(self, moment: Moment) -> Columns:
        """Each weight, (K,)."""
        import torch

        flat = torch.cat([p.flatten(1) for p in moment.params.values()], dim=1)
        if flat.shape[1] > MOST:
            raise SpecError(
                f"can record at most {MOST} weights at every step, got {flat.shape[1]}: leave Weights() out"
            )
        return {f"weight/{i}": flat[:, i].clone() for i in range(flat.shape[1])}
