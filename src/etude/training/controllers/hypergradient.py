"""Hypergradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.controller import ControllerState, PerLane
from etude.core.errors import SpecError


@final
@dataclass(frozen=True)
class Hypergradient:
    r"""Hypergradient descent: descend the loss in the learning rate too, by whether successive gradients agree.

    For a step of gradient descent the loss falls with η at the rate

    .. math:: -\frac{\partial L(w_t - \eta g_t)}{\partial \eta} = \langle g_{t+1}, g_t \rangle

    so the learning rate grows while gradients point the same way and shrinks when they turn around:

    .. math:: \eta_{t+1} = \eta_t \left(1 + \beta \frac{\langle g_{t+1}, g_t \rangle}{\|g_{t+1}\| \|g_t\|}\right)

    This is the multiplicative form: in the additive one β has the unit of η²/L, is as hard to choose as η, and can make η
    negative. The method looks one step ahead, so it tends to learning rates that are too small for the long run. With momentum
    or Adam it is a heuristic.

    Attributes:
        rate: β, in (0, 1): largest relative change in a step. At 0.02 a decade takes at least 117 steps.

    Raises:
        SpecError: When β is out of range.

    References:
        Baydin, Cornish, Martínez Rubio, Schmidt & Wood (2018), Online learning rate adaptation with hypergradient descent.
        arXiv:1703.04782.

    Example:
        >>> control = Hypergradient(rate=0.5)
        >>> multiplier, state = control.update(control.init(np.array([0.1])), {"gradient_cosine": np.array([-1.0])})
        >>> float(multiplier[0])
        0.5
    """

    rate: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise SpecError(f"needs 0 < rate < 1, got {self.rate}: 0.02 is usual")

    @property
    def reads(self) -> tuple[str, ...]:
        """Cosine of the angle between a step's gradient and the one before it."""
        return ("gradient_cosine",)

    def init(self, peak_lr: PerLane) -> ControllerState:
        """Start at the peak."""
        return {"multiplier": np.ones(len(peak_lr))}

    def update(self, state: ControllerState, reading: Mapping[str, PerLane]) -> tuple[PerLane, ControllerState]:
        """Multipliers (K,) and the new state; a cosine that is not finite (the first step, a zero gradient) changes nothing."""
        cosine = reading["gradient_cosine"]
        growth = 1 + self.rate * np.clip(np.where(np.isfinite(cosine), cosine, 0.0), -1.0, 1.0)
        multiplier = state["multiplier"] * growth
        return multiplier, {"multiplier": multiplier}
