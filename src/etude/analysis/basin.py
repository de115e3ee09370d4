"""The basin: learning rates whose result is as good as the best within a stated tolerance.

Axes: L learning rates, S seeds, B resamples; x = log2 η.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.statistics import Counts, means, resample_seeds, resampled_interval, resampled_means
from etude.analysis.table import SweepTable
from etude.core.trace import Array

Number = TypeVar("Number", float, Array)
Interval = tuple[float, float]


def tolerated(best: Number, initial: float, options: SweepOptions) -> Number:
    r"""Largest loss that counts as as good as the best.

    .. math:: \ell^* + \max\left(\tau\,|\ell^*|,\; \varphi\,(\ell_0 - \ell^*)\right)

    with ℓ* = ``best``, ℓ0 = ``initial``, τ = ``options.tolerance``, φ = ``options.floor``.

    Example:
        >>> round(float(tolerated(0.5, 2.5, SweepOptions())), 4), round(float(tolerated(1e-5, 2.5, SweepOptions())), 4)
        (0.51, 0.0125)
    """
    allowed = np.maximum(options.tolerance * np.abs(best), options.floor * (initial - best))
    return best + allowed  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Basin:
    """The unbroken range of learning rates around the best whose mean loss is within the tolerance.

    Between two learning rates the mean loss is interpolated linearly in log η. A valley curves upwards, so the line lies
    above it and the ends are on the safe side; the intervals allow for this by also reading the ends off a parabola.

    Attributes:
        left: Lower end, a learning rate.
        best: Learning rate of the lowest mean loss, from which the widths are counted.
        right: Upper end.
        threshold: Loss up to which a learning rate counts as as good as the best.
        left_interval: Of the lower end, seeds resampled in pairs; ``None`` with a single seed.
        right_interval: Of the upper end.
        width_interval: Of the whole width [octaves].
        open_left: The basin reaches the lower end of the grid, so it may be wider.
        open_right: The basin reaches the upper end of the grid.
        elsewhere: How many learning rates outside the basin are within the tolerance as well.
    """

    left: float
    best: float
    right: float
    threshold: float
    left_interval: Interval | None
    right_interval: Interval | None
    width_interval: Interval | None
    open_left: bool
    open_right: bool
    elsewhere: int

    @property
    def left_octaves(self) -> float:
        """Width below the best [octaves]."""
        return float(np.log2(self.best / self.left))

    @property
    def right_octaves(self) -> float:
        """Width above the best [octaves]."""
        return float(np.log2(self.right / self.best))

    @property
    def octaves(self) -> float:
        """Whole width [octaves]."""
        return float(np.log2(self.right / self.left))


def find_basin(table: SweepTable, metric: str, options: SweepOptions) -> Basin:
    """Measure the basin of a final loss."""
    losses, x = table.result(metric), table.octaves
    initial, level, seeds = float(np.mean(table.baseline(metric))), means(losses), losses.shape[1]
    ends = _ends(x, level[None], initial, options)
    left, right = float(ends[0][0]), float(ends[1][0])
    best = int(np.argmin(level))
    threshold = float(tolerated(level[best], initial, options))
    spread: list[Interval | None] = [None, None, None]
    if seeds > 1:
        counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
        means_of = resampled_means(losses, counts)
        (inner_left, inner_right), (outer_left, outer_right) = (
            _ends(x, means_of, initial, options, curved=curved) for curved in (False, True)
        )
        samples = (
            (outer_left, inner_left),
            (inner_right, outer_right),
            (inner_right - inner_left, outer_right - outer_left),
        )
        spread = [resampled_interval(low, high, seeds, options.confidence) for low, high in samples]
    outside = (x < left) | (x > right)
    return Basin(
        left=float(2**left),
        best=float(table.lrs[best]),
        right=float(2**right),
        threshold=threshold,
        left_interval=_as_lrs(spread[0], x),
        right_interval=_as_lrs(spread[1], x),
        width_interval=None if spread[2] is None else (max(0.0, spread[2][0]), spread[2][1]),
        open_left=left == x[0],
        open_right=right == x[-1],
        elsewhere=int((outside & (level <= threshold)).sum()),
    )


def resampled_widths(table: SweepTable, metric: str, counts: Counts, options: SweepOptions) -> tuple[Array, Array]:
    """(B,) width [octaves] of each resample's basin, its ends read off a line and off a parabola."""
    level, initial = resampled_means(table.result(metric), counts), float(np.mean(table.baseline(metric)))
    line, parabola = (_ends(table.octaves, level, initial, options, curved=curved) for curved in (False, True))
    return line[1] - line[0], parabola[1] - parabola[0]


def interpolated(x: Array, level: Array, at: float) -> Array:
    """Mean losses (B, L) at one position between the learning rates, linear in x; (B,)."""
    right = int(np.clip(np.searchsorted(x, at), 1, len(x) - 1))
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    read: Array = (1 - share) * level[:, right - 1] + share * level[:, right]
    return read


@np.errstate(invalid="ignore")  # inf − inf, when no loss is known at all
def _ends(
    x: Array, level: Array, initial: float, options: SweepOptions, *, curved: bool = False
) -> tuple[Array, Array]:
    """(B,) left and (B,) right ends of the basins of (B, L) mean losses."""
    best = np.argmin(level, axis=1)
    threshold = tolerated(level.min(axis=1), initial, options)
    above = level > threshold[:, None]
    if curved:  # √(ℓ − ℓ*) is linear where ℓ is a parabola
        best_level = level.min(axis=1)
        level, threshold = np.sqrt(level - best_level[:, None]), np.sqrt(threshold - best_level)
    place = np.arange(len(x))
    last_left = np.where(above & (place < best[:, None]), place, -1).max(axis=1)
    first_right = np.where(above & (place > best[:, None]), place, len(x)).min(axis=1)
    left = _crossing(x, level, threshold, last_left, last_left + 1)
    right = _crossing(x, level, threshold, first_right, first_right - 1)
    return np.where(last_left < 0, x[0], left), np.where(first_right == len(x), x[-1], right)


def _crossing(x: Array, level: Array, threshold: Array, outside: Array, inside: Array) -> Array:
    """(B,) where the line from ``inside`` to ``outside`` (indices) meets the threshold."""
    rows = np.arange(len(level))
    outside, inside = np.clip(outside, 0, len(x) - 1), np.clip(inside, 0, len(x) - 1)
    rise = level[rows, outside] - level[rows, inside]
    share = (threshold - level[rows, inside]) / np.where(rise > 0, rise, np.inf)
    result: Array = x[inside] + share * (x[outside] - x[inside])
    return result


def _as_lrs(ends: Interval | None, x: Array) -> Interval | None:
    """Learning rates of two places, which lie on the grid."""
    if ends is None:
        return None
    low, high = np.clip(ends, x[0], x[-1])
    return float(2**low), float(2**high)
