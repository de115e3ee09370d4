"""Reduce on plateau."""

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
class Plateau:
    r"""Reduce on plateau: multiply the learning rate by a factor after too many readings without a new best.

    A reading x is a new best b if

    .. math:: x < b\,(1 - \theta) \quad \text{or, with an absolute threshold,} \quad x < b - \theta

    (with ``maximize``: x > b(1 + θ), x > b + θ). Every other reading, NaN included, counts as bad. When more than ``patience``
    bad ones have come in a row, η becomes max(φη, ``min_lr``), unless that differs by ``eps`` or less; the next ``cooldown``
    readings then count as neither. The semantics are those of ``torch.optim.lr_scheduler.ReduceLROnPlateau``.

    The threshold is relative to the best's signed value: below zero a relative threshold calls a worse reading a new best.

    Attributes:
        metric: Name of the measurement; the held-out loss is the usual one.
        factor: φ, in (0, 1).
        patience: Bad readings that are put up with.
        threshold: θ ≥ 0; 1e-4 as in torch, mostly to ignore rounding.
        cooldown: Readings after a reduction during which none is bad.
        min_lr: Learning rate below which it does not go.
        eps: Least reduction worth making [learning rate].
        maximize: The metric is better when larger.
        absolute: The threshold is a difference instead of a proportion.

    Raises:
        SpecError: When a setting is out of range.

    References:
        ``torch.optim.lr_scheduler.ReduceLROnPlateau`` of torch 2.13.

    Example:
        >>> control = Plateau(patience=0, factor=0.5)
        >>> state = control.init(np.array([0.1]))
        >>> for loss in (1.0, 0.9, 0.95, 0.97):
        ...     multiplier, state = control.update(state, {"validation_loss": np.array([loss])})
        >>> float(multiplier[0])
        0.25
    """

    metric: str = "validation_loss"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8
    maximize: bool = False
    absolute: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise SpecError(f"needs 0 < factor < 1, got {self.factor}: 0.1 is usual")
        for name in ("patience", "threshold", "cooldown", "min_lr", "eps"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SpecError(f"needs {name} >= 0, got {value}: 0 is the least")

    @property
    def reads(self) -> tuple[str, ...]:
        """The metric."""
        return (self.metric,)

    def init(self, peak_lr: PerLane) -> ControllerState:
        """No best yet, nothing counted."""
        none = np.zeros(len(peak_lr))
        worst = none + (-np.inf if self.maximize else np.inf)
        return {"peak": peak_lr.copy(), "lr": peak_lr.copy(), "best": worst, "bad": none, "resting": none.copy()}

    def update(self, state: ControllerState, reading: Mapping[str, PerLane]) -> tuple[PerLane, ControllerState]:
        """Multipliers (K,) and the new state."""
        value = reading[self.metric]
        better = self._is_better(value, state["best"])
        resting = state["resting"] > 0
        bad = np.where(better | resting, 0.0, state["bad"] + 1)
        reduce = bad > self.patience
        lower = np.maximum(state["lr"] * self.factor, self.min_lr)
        lr = np.where(reduce & (state["lr"] - lower > self.eps), lower, state["lr"])
        return lr / state["peak"], {
            "peak": state["peak"],
            "lr": lr,
            "best": np.where(better, value, state["best"]),
            "bad": np.where(reduce, 0.0, bad),
            "resting": np.where(reduce, float(self.cooldown), np.maximum(state["resting"] - 1, 0.0)),
        }

    def _is_better(self, value: PerLane, best: PerLane) -> np.ndarray:
        if self.absolute:
            return value > best + self.threshold if self.maximize else value < best - self.threshold
        return value > best * (1 + self.threshold) if self.maximize else value < best * (1 - self.threshold)
