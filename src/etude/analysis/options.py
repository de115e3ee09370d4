"""What an analysis of a learning-rate sweep takes for granted, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from etude.core.errors import SpecError

LossMetric = Literal["train_loss", "validation_loss"]


@dataclass(frozen=True)
class SweepOptions:
    """Choices behind the findings of a sweep; each default is stated with its reason.

    Attributes:
        objective: The final loss that "best" refers to. Training loss, because convergence is the first question.
        confidence: Of every interval. 0.95 is what readers assume when nothing is said.
        tolerance: How much worse than the best still counts as equally good, relative to the best loss. 0.02 is about
            what a change of seed costs on small image tasks.
        floor: The same, as a share of the descent ℓ0 − ℓ*. Without it a training loss of 1e-5 would make 2e-5 "worse";
            0.005 means: 99.5 % of the way down is down.
        target: Training loss that counts as converged, or ``None`` for ``target_fraction`` of the best descent.
        target_fraction: 0.9 is reached while the loss still falls fast, so that the crossing is sharp.
        min_seeds: Fewest replicates on which a learning rate is recommended; with two, a standard deviation has one
            degree of freedom and says nothing.
        resamples: Bootstrap resamples; 2000 keep the simulation error of a 95 % limit below its second digit.
        bootstrap_seed: Fixed, so that a report is the same each time it is made.
        edge_ratio: The edge is bracketed until upper/lower is at most this.
        lr_range: The range first asked for. Sensitivity refers to it, and the search never leaves it by more than
            ``reach``. ``None``: the range of the learning rates that were run.
        reach: Furthest factor beyond ``lr_range`` at which further learning rates are tried: three decades.
        max_lr: No learning rate above this is tried on our own initiative, whatever the range.
        min_lr: No learning rate below this is tried on our own initiative.

    Raises:
        SpecError: When a value is out of its range.
    """

    objective: LossMetric = "train_loss"
    confidence: float = 0.95
    tolerance: float = 0.02
    floor: float = 0.005
    target: float | None = None
    target_fraction: float = 0.9
    min_seeds: int = 3
    resamples: int = 2000
    bootstrap_seed: int = 0
    edge_ratio: float = 1.1
    lr_range: tuple[float, float] | None = None
    reach: float = 1e3
    max_lr: float = 1e3
    min_lr: float = 1e-8

    def __post_init__(self) -> None:
        self._check_shares()
        for name in ("edge_ratio", "reach"):
            if not getattr(self, name) > 1:
                raise SpecError(f"needs {name} > 1, got {getattr(self, name)}: it is a ratio of learning rates")
        for name, least in (("min_seeds", 2), ("resamples", 1)):
            if getattr(self, name) < least:
                raise SpecError(f"needs {name} >= {least}, got {getattr(self, name)}: leave it out for the default")
        if self.target is not None and not math.isfinite(self.target):
            raise SpecError(f"the target loss must be finite, got {self.target}: leave it out for the default")
        if self.lr_range is not None and not 0 < self.lr_range[0] < self.lr_range[1]:
            raise SpecError(f"needs 0 < low < high for lr_range, got {self.lr_range}: pass (low, high)")

    def _check_shares(self) -> None:
        for name in ("confidence", "target_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise SpecError(f"needs 0 < {name} < 1, got {getattr(self, name)}: pass a share such as 0.9")
        for name in ("tolerance", "floor"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise SpecError(f"needs {name} >= 0, got {getattr(self, name)}: 0.02 means 2 %")
