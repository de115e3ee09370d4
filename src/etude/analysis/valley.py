"""Valleys: local curves through mean losses, and the learning rate at their lowest point.

Axes: L learning rates, S seeds, B resamples, P points of a fit; x = log2 η.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude.analysis.statistics import means, t_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array

Indices = NDArray[np.intp]

_LOG_RATIO = 2.0
"""Where losses in the window differ by more than this, their logarithm is fitted: a seed changes a loss by a share of
it, so the scatter is even in log ℓ, and a parabola through raw losses would follow its largest point alone. The minimum
itself is the same on either scale."""

_CUBIC_POINTS = 5
"""Fewest points that can tell a lopsided valley from a symmetric one."""

_CLIFF = 4.0
"""Where the mean loss changes by more than this from one learning rate to the next, that is a cliff: the floor of a valley
in raw losses is flat, and a loss that falls geometrically, on the way to zero, was never seen to do so this fast."""

_LOCAL = 1.5
"""Octaves to either side beyond which five points are not a neighbourhood: a valley is a polynomial only at its bottom,
and on a grid so coarse even the cubic missed the truth in half of our simulated sweeps."""


def grid_spacing(octaves: Array) -> float:
    """The grid's own step in octaves: the upper quartile of the gaps, since points added at the edge lie closer."""
    return float(np.quantile(np.diff(octaves), 0.75, method="nearest")) if len(octaves) > 1 else 1.0


def local_spacing(octaves: Array, centre: int) -> float:
    """The wider gap beside a learning rate [octaves]: where a grid was refined, its step differs from place to place."""
    return float(np.diff(octaves)[max(centre - 1, 0) : centre + 1].max(initial=0.0))


@dataclass(frozen=True, eq=False)
class Window:
    """The points that a local fit may use when the best is ``centre``, and what is fitted to them.

    Three points make a parabola that nothing tests, so it gives an estimate but the interval stays the grid's cell.
    Five make a parabola, or a cubic where the seeds show that the valley is lopsided; the two differ by the parabola's
    systematic error, so the interval spans both.
    """

    centre: int
    points: Indices
    logarithmic: bool
    skewed: bool
    reach: float

    def fit(self, x: Array, level: Array) -> tuple[Array, Array, Array]:
        """(B,) vertex and the (B,) lower and upper end of where it may be, from (B, L) mean losses; NaN: not trusted.

        Vertices are trusted where the curve is convex and its lowest point within a grid step of the centre.
        """
        y = level[:, self.points]
        y = np.log(y) if self.logarithmic else y
        at = x[self.points] - x[self.centre]
        low, high = (np.full(len(y), end) for end in cell(x, self.centre))
        parabola = x[self.centre] + _lowest(at, y, 2, self.reach)
        if len(self.points) < _CUBIC_POINTS:
            return parabola, np.fmin(low, parabola), np.fmax(high, parabola)
        cubic = x[self.centre] + _lowest(at, y, 3, self.reach)
        known = np.isfinite(cubic) & np.isfinite(parabola)
        low = np.where(known, np.fmin(cubic, parabola), np.fmin(low, parabola))
        high = np.where(known, np.fmax(cubic, parabola), np.fmax(high, parabola))
        return (cubic if self.skewed else parabola), low, high


def fit_windows(table: SweepTable, losses: Array, confidence: float) -> list[Window | None]:
    """One window per possible best; ``None`` where no fit can be trusted.

    Only learning rates without any diverged run take part: beyond the onset the curve is a cliff, not a valley.
    """
    level, x = means(losses), table.octaves
    usable = np.asarray(np.isfinite(losses).all(axis=1) & ~table.diverged.any(axis=1))
    windows: list[Window | None] = []
    for centre in range(len(x)):
        spacing = local_spacing(x, centre)
        points = _points(centre, x, usable, level, spacing)
        if points is None:
            windows.append(None)
            continue
        logarithmic = bool(losses[points].min() > 0 and level[points].max() > _LOG_RATIO * level[points].min())
        skewed = len(points) >= _CUBIC_POINTS and _skewed(
            x[points] - x[centre], losses[points], logarithmic, confidence
        )
        windows.append(Window(centre, points, logarithmic, skewed, spacing))
    return windows


def locate(x: Array, level: Array, windows: list[Window | None]) -> tuple[Array, Array, Array]:
    """Best x of each row of mean losses (B, L), and the range it may lie in: three of (B,).

    The best is NaN where no fit is trusted; the range is then the best grid point's cell.
    """
    best = np.argmin(level, axis=1)
    vertex = np.full(len(level), np.nan)
    low, high = vertex.copy(), vertex.copy()
    for i in np.unique(best):
        window, rows = windows[i], best == i
        low[rows], high[rows] = cell(x, int(i))
        if window is not None:
            vertex[rows], low[rows], high[rows] = window.fit(x, level[rows])
    return vertex, low, high


def cell(x: Array, index: int) -> tuple[float, float]:
    """A grid point's cell, which reaches half-way to its neighbours."""
    return float(x[max(index - 1, 0)] + x[index]) / 2, float(x[index] + x[min(index + 1, len(x) - 1)]) / 2


def _points(centre: int, x: Array, usable: NDArray[np.bool_], level: Array, spacing: float) -> Indices | None:
    """Points up to two grid steps from the centre, on both sides; if there are none so far, up to one step."""
    connected = _around(centre, usable, level)
    for steps, fewest in ((2, _CUBIC_POINTS), (1, 3)):
        points: Indices = connected[np.abs(x[connected] - x[centre]) <= (steps + 0.01) * spacing]
        local = steps == 1 or steps * spacing <= _LOCAL
        if local and len(points) >= fewest and _two_sided(x[points] - x[centre], (steps - 0.5) * spacing):
            return points
    return None


def _around(centre: int, usable: NDArray[np.bool_], level: Array) -> Indices:
    """Indices of the usable learning rates around ``centre``, up to the first gap or cliff on either side."""
    if not usable[centre]:
        return np.empty(0, dtype=np.intp)
    lower, higher = np.minimum(level[:-1], level[1:]), np.maximum(level[:-1], level[1:])
    joined = usable[:-1] & usable[1:] & ~((lower > 0) & (higher > _CLIFF * lower))
    broken = np.flatnonzero(~joined)
    left = broken[broken < centre].max(initial=-1) + 1
    right = broken[broken >= centre].min(initial=len(usable) - 1)
    return np.arange(left, right + 1, dtype=np.intp)


def _two_sided(at: Array, distance: float) -> bool:
    return bool(len(at)) and bool(at.min() <= -distance and at.max() >= distance)


def _skewed(at: Array, losses: Array, logarithmic: bool, confidence: float) -> bool:
    """Whether the cubic term differs from 0 over seeds: (P,) places, (P, S) losses."""
    y = np.log(losses) if logarithmic else losses
    cubic = np.linalg.pinv(np.vander(at, 4))[0] @ y
    low, high = t_interval(cubic, confidence)
    return low > 0 or high < 0


def _lowest(at: Array, y: Array, degree: int, reach: float) -> Array:
    """(B,) local minimum of the polynomials through points ``at`` (P,) and rows of ``y`` (B, P); NaN: not trusted."""
    *higher, curvature, slope, _ = np.linalg.pinv(np.vander(at, degree + 1)) @ y.T
    skew = higher[0] if higher else np.zeros(len(y))
    inside = curvature**2 - 3 * skew * slope
    bottom = curvature + np.sqrt(np.maximum(inside, 0.0))
    convex = (inside > 0) & (bottom > 0)
    vertex = -slope / np.where(convex, bottom, 1.0)
    return np.where(convex & (np.abs(vertex) <= reach), vertex, np.nan)
