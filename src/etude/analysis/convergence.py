"""How fast training converges: steps to a stated loss.

Axes: L learning rates, S seeds, E evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude.analysis.options import SweepOptions
from etude.analysis.statistics import means, percentile_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class StepsToTarget:
    """Steps until the training loss first reaches a target.

    Attributes:
        target: Training loss.
        chosen: Whether the user gave the target; else it follows from the best learning rate's descent.
        steps: (L, S); +inf where the run never reached it, NaN where nothing ran.
        median: (L,) over seeds; +inf where half of them did not reach it.
        reached: (L,) number of seeds that did.
        fastest: Index of the smallest median; ``None`` when no learning rate has a finite one.
        interval: Of the smallest median, seeds resampled in pairs; ``None`` when not known or not finite.
    """

    target: float
    chosen: bool
    steps: Array
    median: Array
    reached: NDArray[np.int64]
    fastest: int | None
    interval: tuple[float, float] | None


def default_target(table: SweepTable, options: SweepOptions) -> float:
    """ℓ* + (1 − f)(ℓ0 − ℓ*), with ℓ* the best mean final training loss and f = ``options.target_fraction``."""
    best = float(means(table.result("train_loss")).min())
    initial = float(np.mean(table.baseline("train_loss")))
    return best + (1 - options.target_fraction) * (initial - best)


def first_crossing(steps: Array, losses: Array, target: float) -> float:
    """Step at which a curve first reaches ``target``, linear between evaluations; +inf when it never does.

    Example:
        >>> first_crossing(np.array([0.0, 10.0, 20.0]), np.array([2.0, 1.0, 0.5]), 1.5)
        5.0
    """
    known = np.isfinite(losses)
    steps, losses = steps[known], losses[known]
    below = np.flatnonzero(losses <= target)
    if not len(below):
        return np.inf
    first = int(below[0])
    if first == 0:
        return float(steps[0])
    share = (losses[first - 1] - target) / (losses[first - 1] - losses[first])
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1]))


def steps_to_target(table: SweepTable, options: SweepOptions) -> StepsToTarget:
    """Measure how many steps each run needs, and which learning rate needs the fewest."""
    target = default_target(table, options) if options.target is None else options.target
    curves = table.curve("train_loss")
    steps = np.full(table.ran.shape, np.nan)
    for i, j in np.argwhere(table.ran):
        steps[i, j] = first_crossing(table.steps, curves[i, j], target)
    median = _medians(steps)
    fastest = int(np.argmin(median)) if np.isfinite(median).any() else None
    return StepsToTarget(
        target=target,
        chosen=options.target is not None,
        steps=steps,
        median=median,
        reached=np.isfinite(steps).sum(axis=1),
        fastest=fastest,
        interval=None if fastest is None else _interval(steps[fastest], options),
    )


def _medians(steps: Array) -> Array:
    """(L,) medians over the seeds that ran; +inf where none did."""
    return np.asarray([np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.inf for row in steps])


def _interval(steps: Array, options: SweepOptions) -> tuple[float, float] | None:
    ran = steps[~np.isnan(steps)]
    if len(ran) < 2:
        return None
    generator = np.random.Generator(np.random.PCG64(options.bootstrap_seed))
    drawn = ran[generator.integers(len(ran), size=(options.resamples, len(ran)))]
    medians = np.median(drawn, axis=1)
    interval = percentile_interval(medians, medians, len(ran), options.confidence)
    return interval if np.isfinite(interval).all() else None
