"""How many steps each arm needs to a common loss, at its own tuned peak.

Axes: S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from etude.analysis.convergence import default_target, steps_to_target
from etude.analysis.options import SweepOptions
from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import resample_seeds, resampled_interval
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class ArmPace:
    """Steps to the common target at one arm's tuned peak.

    Attributes:
        name: The arm's name.
        steps: (S,); +inf where the seed never reached it.
        mean: +inf unless every seed reached it.
        interval: Of the mean; ``None`` when not every seed reached it or with fewer than two seeds.
        reached: How many seeds did.
    """

    name: str
    steps: Array
    mean: float
    interval: tuple[float, float] | None
    reached: int


@dataclass(frozen=True, eq=False)
class Paces:
    """Steps to a common training loss.

    Attributes:
        target: The training loss.
        chosen: Whether the user gave it.
        arms: In the order of the race.
    """

    target: float
    chosen: bool
    arms: tuple[ArmPace, ...]

    @property
    def fastest(self) -> ArmPace | None:
        """The arm with the fewest steps, or ``None`` when none reached the target on every seed."""
        best = min(self.arms, key=lambda arm: arm.mean)
        return best if np.isfinite(best.mean) else None


def paces(arms: Sequence[TunedArm], options: SweepOptions) -> Paces:
    """Count steps to ``options.target``, or to 90 % (``target_fraction``) of the best arm's descent."""
    target = min(default_target(arm.table, options) for arm in arms) if options.target is None else options.target
    own = replace(options, target=target)
    counted = tuple(_pace(arm, own) for arm in arms)
    return Paces(target, options.target is not None, counted)


def _pace(arm: TunedArm, options: SweepOptions) -> ArmPace:
    steps = steps_to_target(arm.table, options).steps[arm.optimum.index]
    seeds, reached = len(steps), int(np.isfinite(steps).sum())
    if reached < seeds:
        return ArmPace(arm.name, steps, np.inf, None, reached)
    mean, interval = float(steps.mean()), None
    if seeds > 1:
        sample = resample_seeds(seeds, options.resamples, options.bootstrap_seed) @ steps / seeds
        low, high = resampled_interval(sample, sample, seeds, options.confidence)
        interval = (min(low, mean), max(high, mean))
    return ArmPace(arm.name, steps, mean, interval, reached)
