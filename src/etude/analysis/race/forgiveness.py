"""Which arm forgives a wrong learning rate: the widths of the basins.

Axes: B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtr, stdtrit

from etude.analysis.basin import Basin, find_basin, resampled_widths
from etude.analysis.options import SweepOptions
from etude.analysis.race.pairs import FEWEST_SEEDS, Pair, correct
from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import resample_seeds
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class Forgiveness:
    """The arms' basins and which of them differ in width.

    Attributes:
        basins: By name of the arm; those about whose best something can be said.
        pairs: Comparisons of widths [octaves]; ``first`` is the *narrower* one.
        widest: Arm of the widest basin; ``None`` when there is none.
    """

    basins: dict[str, Basin]
    pairs: list[Pair]
    widest: str | None


def forgiveness(arms: Sequence[TunedArm], options: SweepOptions) -> Forgiveness:
    """Measure the basins and compare all pairs of widths, corrected for their number.

    Seeds are resampled for all arms alike, which keeps the comparison paired. The resamples give the standard error of the
    difference, and Student's quantile with S − 1 degrees of freedom the rest. A difference must hold both with the ends
    read off a line and read off a parabola. A basin that reaches the end of the grid may be wider than it looks, so it is
    never found to be the narrower one.
    """
    known = [arm for arm in arms if arm.objection is None]
    basins = {arm.name: find_basin(arm.table, arm.metric, options) for arm in known}
    pairs: list[Pair] = []
    if known:
        seeds = len(known[0].table.seeds)
        counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
        widths = {arm.name: resampled_widths(arm.table, arm.metric, counts, options) for arm in known}
        pairs = [_pair(a.name, b.name, basins, widths, seeds, options) for a, b in combinations(known, 2)]
    widest = max(basins, key=lambda name: basins[name].octaves) if basins else None
    return Forgiveness(basins, correct(pairs, options.confidence), widest)


def _pair(
    a: str,
    b: str,
    basins: dict[str, Basin],
    widths: dict[str, tuple[Array, Array]],
    seeds: int,
    options: SweepOptions,
) -> Pair:
    if basins[b].octaves < basins[a].octaves:
        a, b = b, a
    difference = basins[b].octaves - basins[a].octaves
    if seeds < FEWEST_SEEDS:
        return Pair(a, b, difference, (-np.inf, np.inf), 1.0, 1.0, resolved=False)
    shrink = np.sqrt(seeds / (seeds - 1))
    error = max(float((wide - narrow).std()) for narrow, wide in zip(widths[a], widths[b], strict=True)) * shrink
    centres = [difference, *(float((wide - narrow).mean()) for narrow, wide in zip(widths[a], widths[b], strict=True))]
    half = float(stdtrit(seeds - 1, 0.5 + options.confidence / 2)) * error
    open_narrow = basins[a].open_left or basins[a].open_right
    open_wide = basins[b].open_left or basins[b].open_right
    interval = (-np.inf if open_narrow else min(centres) - half, np.inf if open_wide else max(centres) + half)
    p = 1.0 if open_narrow else _probability(max(0.0, min(centres)), error, seeds)
    return Pair(a, b, difference, interval, p, p, resolved=False)


def _probability(difference: float, error: float, seeds: int) -> float:
    if difference == 0:
        return 1.0
    return 2 * float(stdtr(seeds - 1, -difference / error)) if error > 0 else 0.0
