"""How far apart, and where to, the learning rates of single weights move under a rule that adapts them.

Axes: L learning rates, S seeds, E evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import t_interval
from etude.core.trace import Array

LEVELS = ("q05", "q25", "q50", "q75", "q95")

SMALLEST = 1e-12
"""What counts as zero in a geometric mean: a mean gradient is exactly zero where a weight never had one."""


@dataclass(frozen=True, eq=False)
class Bands:
    """Quantiles over all weights of a quantity, at an arm's tuned peak.

    Attributes:
        name: The arm's name.
        lr: Its tuned peak.
        steps: (E,) where it was measured.
        quantiles: (S, E, 5) at the levels 0.05, 0.25, 0.5, 0.75, 0.95.
    """

    name: str
    lr: float
    steps: Array
    quantiles: Array

    @property
    def typical(self) -> Array:
        """(E, 5) geometric means over seeds, at least ``SMALLEST``."""
        return np.asarray(np.exp(np.log(np.maximum(self.quantiles, SMALLEST)).mean(axis=0)))


@dataclass(frozen=True)
class Ratio:
    """A ratio, as the geometric mean over seeds.

    Attributes:
        value: The ratio.
        interval: Student's, of its logarithm; (0, ∞) with a single seed.
    """

    value: float
    interval: tuple[float, float]


def bands(arm: TunedArm, quantity: str) -> Bands | None:
    """The measured quantiles of ``"effective_lr"``, ``"first_moment"`` or ``"second_moment"``.

    ``None`` where they were not measured, where a seed diverged, and where one is negative or no number.
    """
    cells = [cell for cell in arm.table.cells[arm.optimum.index] if cell is not None]
    columns = [f"{quantity}/{level}" for level in LEVELS]
    if any(cell.outcome.diverged or column not in cell.evaluations for cell in cells for column in columns):
        return None
    steps = cells[0].evaluations["step"]
    quantiles = np.asarray([np.stack([cell.evaluations[column] for column in columns], axis=1) for cell in cells])
    # Before the first step there are no moments.
    known = steps > 0
    steps, quantiles = steps[known], quantiles[:, known]
    if not len(steps) or not (np.isfinite(quantiles).all() and (quantiles >= 0).all()):
        return None
    return Bands(arm.name, arm.lr, steps, quantiles)


def spread(found: Bands, confidence: float, low: str = "q05", high: str = "q95") -> Ratio:
    """How many times the high quantile is the low one, at the end of training."""
    end = np.log(np.maximum(found.quantiles[:, -1], SMALLEST))
    return _ratio(end[:, LEVELS.index(high)] - end[:, LEVELS.index(low)], confidence)


def drift(found: Bands, confidence: float) -> Ratio:
    """How many times the median at the end of training is the median at the first measurement after a step."""
    median = np.log(np.maximum(found.quantiles[:, :, LEVELS.index("q50")], SMALLEST))
    return _ratio(median[:, -1] - median[:, 0], confidence)


def _ratio(logs: Array, confidence: float) -> Ratio:
    low, high = t_interval(logs, confidence)
    return Ratio(float(np.exp(logs.mean())), (float(np.exp(low)), float(np.exp(high))))
