"""Whether the ranking of the arms holds at other horizons.

Axes: A arms, S seeds, B resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.race.pairs import Pair, compare, correct
from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import resample_seeds, resampled_interval, spearman
from etude.core.errors import SpecError
from etude.core.trace import Array

FEWEST_ARMS = 3
"""Two arms have a ranking, but no rank correlation but −1 and 1."""


@dataclass(frozen=True)
class Agreement:
    """How much alike the arms rank at two horizons.

    Attributes:
        shorter: Steps of the shorter horizon.
        longer: Steps of the longer one.
        rho: Spearman's rank correlation of the arms' mean losses; NaN below three arms.
        interval: Seeds resampled in pairs.
    """

    shorter: int
    longer: int
    rho: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Flip:
    """Two arms whose order is resolved at two horizons, and is not the same.

    Attributes:
        better_short: The better arm at the shorter horizon.
        better_long: The better arm at the longer one.
        shorter: Steps of the shorter horizon.
        longer: Steps of the longer one.
    """

    better_short: str
    better_long: str
    shorter: int
    longer: int


@dataclass(frozen=True, eq=False)
class Horizons:
    """The race at several horizons.

    Attributes:
        steps: (H,) horizons, ascending.
        ranks: By name of the arm, (H,) rank of its mean loss, from 1.
        agreements: One for each pair of horizons.
        pairs: By horizon, the comparisons of all arms, corrected for all horizons together.
        flips: Orders that are resolved at two horizons and contradict each other.
    """

    steps: tuple[int, ...]
    ranks: dict[str, tuple[int, ...]]
    agreements: tuple[Agreement, ...]
    pairs: dict[int, list[Pair]]
    flips: tuple[Flip, ...]

    @property
    def resolved(self) -> set[tuple[str, str]]:
        """Orders (better, worse) of two arms that are resolved at some horizon."""
        return {(pair.first, pair.second) for pairs in self.pairs.values() for pair in pairs if pair.resolved}

    @property
    def kept(self) -> int:
        """How many of them have the means in the same order at every horizon, resolved or not."""
        orders = ((self.ranks[better], self.ranks[worse]) for better, worse in self.resolved)
        return sum(all(a < b for a, b in zip(*order, strict=True)) for order in orders)


def compare_horizons(races: Mapping[int, Sequence[TunedArm]], options: SweepOptions) -> Horizons:
    """Compare the races of the same arms at several horizons [steps].

    Raises:
        SpecError: With fewer than two horizons, or when arms or seeds differ between them.
    """
    if len(races) < 2:
        raise SpecError(f"needs at least two horizons, got {len(races)}: run the arms at another number of steps")
    horizons = sorted(races)
    first = races[horizons[0]]
    for steps in horizons:
        if {arm.name for arm in races[steps]} != {arm.name for arm in first}:
            raise SpecError(f"arms at {steps} steps differ from those at {horizons[0]}: run the same arms at both")
        if len(races[steps][0].tuned) != len(first[0].tuned):
            raise SpecError(f"seeds at {steps} steps differ from those at {horizons[0]}: run the same seeds at both")
    names = [arm.name for arm in first]
    losses = {steps: _losses(races[steps], names) for steps in horizons}
    separate = [compare(races[steps], options.confidence) for steps in horizons]
    together = iter(correct([pair for pairs in separate for pair in pairs], options.confidence))
    pairs = {steps: [next(together) for _ in own] for steps, own in zip(horizons, separate, strict=True)}
    ranks = [np.argsort(np.argsort(losses[steps].mean(axis=1), kind="stable")) + 1 for steps in horizons]
    return Horizons(
        steps=tuple(horizons),
        ranks={name: tuple(int(own[k]) for own in ranks) for k, name in enumerate(names)},
        agreements=tuple(_agreement(a, b, losses, options) for a, b in combinations(horizons, 2)),
        pairs=pairs,
        flips=tuple(flip for a, b in combinations(horizons, 2) for flip in _flips(a, b, pairs)),
    )


def _losses(arms: Sequence[TunedArm], names: Sequence[str]) -> Array:
    """(A, S) losses at the tuned peaks, arms in the order of ``names``."""
    known = {arm.name: arm.tuned for arm in arms}
    return np.asarray([known[name] for name in names])


def _agreement(a: int, b: int, losses: Mapping[int, Array], options: SweepOptions) -> Agreement:
    rho = spearman(losses[a].mean(axis=1), losses[b].mean(axis=1))
    arms, seeds = losses[a].shape
    if seeds < 2 or arms < FEWEST_ARMS:
        return Agreement(a, b, rho, (-1.0, 1.0))
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    sample = _rank_correlations(counts @ losses[a].T, counts @ losses[b].T)
    sample = sample[np.isfinite(sample)]
    low, high = resampled_interval(sample, sample, seeds, options.confidence) if len(sample) else (-1.0, 1.0)
    return Agreement(a, b, rho, (max(-1.0, min(low, rho)), min(1.0, max(high, rho))))


@np.errstate(invalid="ignore", divide="ignore")  # 0/0, where all arms of a resample are alike
def _rank_correlations(x: Array, y: Array) -> Array:
    """(B,) Spearman's rank correlation of each row of x and y (B, A); NaN where there is none."""
    x, y = (_ranks(values) - (values.shape[1] + 1) / 2 for values in (x, y))
    correlation: Array = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return correlation


def _ranks(values: Array) -> Array:
    """Ranks from 1 within each row of (B, A), ties sharing their mean rank."""
    less = (values[:, :, None] > values[:, None, :]).sum(axis=2)
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    ranks: Array = less + (equal + 1) / 2
    return ranks


def _flips(a: int, b: int, pairs: Mapping[int, Sequence[Pair]]) -> list[Flip]:
    long = {(pair.first, pair.second) for pair in pairs[b] if pair.resolved}
    short = [pair for pair in pairs[a] if pair.resolved]
    return [Flip(pair.first, pair.second, a, b) for pair in short if (pair.second, pair.first) in long]
