"""The stochastic Polyak step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.controller import ControllerState, PerLane
from etude.core.errors import SpecError


@final
@dataclass(frozen=True)
class Polyak:
    r"""The stochastic Polyak step: go as far as would bring a linear model of the loss to its least value.

    .. math::
        \eta_t = \min\!\left(\frac{L_t - L^*}{c\,\|g_t\|^2},\; \eta_{max},\; \gamma\, \eta_{t-1}\right)

    with L and g of the step's batch and η_max the peak learning rate. Where a network can fit its training data, L* = 0 is
    right for every batch; where it cannot, the steps stay too long and the loss does not settle: raise c or L*.

    Attributes:
        optimum: L*, the least value of a batch's loss; 0 for most losses.
        c: c > 0: 1/2 as published, the least at which no step on a convex loss leads away from its minimum.
        growth: γ > 1, most growth from step to step; 2 doubles in one step. The published bound is γ = 2^(B/N), twofold per
            epoch. Infinite for none.

    Raises:
        SpecError: When a setting is out of range.

    References:
        Polyak (1987), Introduction to optimization.
        Loizou, Vaswani, Laradji & Lacoste-Julien (2021), Stochastic Polyak step-size for SGD (SPS with the
            bound η_max, and its smoothing). arXiv:2002.10542.

    Example:
        >>> control = Polyak(c=1.0)
        >>> reading = {"loss": np.array([2.0]), "gradient_norm": np.array([4.0])}
        >>> multiplier, state = control.update(control.init(np.array([0.5])), reading)
        >>> float(multiplier[0])  # η = 2/16 of a peak of 0.5
        0.25
    """

    optimum: float = 0.0
    c: float = 0.5
    growth: float = math.inf

    def __post_init__(self) -> None:
        if not math.isfinite(self.optimum):
            raise SpecError(f"needs a finite optimum, got {self.optimum}: 0 is the least value of most losses")
        if not (math.isfinite(self.c) and self.c > 0):
            raise SpecError(f"needs c > 0, got {self.c}: 0.5 is usual")
        if not self.growth > 1:
            raise SpecError(f"needs growth > 1, got {self.growth}: 2 doubles in one step, infinity sets no limit")

    @property
    def reads(self) -> tuple[str, ...]:
        """Loss and gradient norm of the step's batch."""
        return ("loss", "gradient_norm")

    def init(self, peak_lr: PerLane) -> ControllerState:
        """No step yet, so no bound from the last one."""
        return {"peak": peak_lr.copy(), "last": np.full(len(peak_lr), np.inf)}

    def update(self, state: ControllerState, reading: Mapping[str, PerLane]) -> tuple[PerLane, ControllerState]:
        """Multipliers (K,) and the new state; a batch at or below the optimum, or without gradient, gets no step."""
        excess = np.maximum(reading["loss"] - self.optimum, 0.0)
        slope = self.c * reading["gradient_norm"] ** 2
        step = np.divide(excess, slope, out=np.zeros_like(excess), where=slope != 0)
        bound = np.minimum(state["peak"], self.growth * state["last"])
        lr = np.minimum(step, bound)
        return lr / state["peak"], {"peak": state["peak"], "last": np.where(lr > 0, lr, state["last"])}
