"""The best learning rate and how well it is known.

Axes: L learning rates, S seeds, B resamples; x = log2 η.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from etude.analysis.basin import tolerated
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import Counts, means, percentile_interval, resample_seeds, resampled_means, t_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array

Indices = NDArray[np.intp]

_BOOTSTRAP_SEEDS = 5
"""Below this a resample repeats itself too often for its percentiles to mean anything."""

_LOG_RATIO = 2.0
"""Where losses in the window differ by more than this, their logarithm is fitted: a seed changes a loss by a share of
it, so the scatter is even in log ℓ, and a parabola through raw losses would follow its largest point alone."""

_EXPLAINED = 0.9
"""Share of the variation that a parabola through five points must explain; else three points are used."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The learning rate of the lowest mean loss over seeds.

    Attributes:
        metric: Which final loss.
        index: Of the grid's best learning rate.
        grid_lr: That learning rate.
        lr: Estimate: the vertex of a local parabola in log2 η, or ``grid_lr`` when no parabola can be trusted.
        method: Which of the two it is.
        interval: Around ``lr``, or ``None`` with a single seed.
        basis: What the interval is made of: resampled seeds with the fit repeated, or, with fewer than five seeds, the
            learning rates that cannot be told from the best.
        loss: Mean loss at ``grid_lr``.
        initial: ℓ0, mean over seeds.
        means: (L,) mean loss of each learning rate; +inf where nothing ran.
        alike: (L,) whether the paired difference to the best has a t-interval that contains 0, or a mean within the
            tolerance.
        unresolved: (L,) whether the paired difference may be 0 and may as well exceed the tolerance.
        at_end: ``"low"`` or ``"high"`` when the best lies at that end of the grid.
    """

    metric: str
    index: int
    grid_lr: float
    lr: float
    method: Literal["parabola", "grid"]
    interval: tuple[float, float] | None
    basis: Literal["bootstrap", "alike", "none"]
    loss: float
    initial: float
    means: Array
    alike: NDArray[np.bool_]
    unresolved: NDArray[np.bool_]
    at_end: Literal["low", "high"] | None


def find_optimum(table: SweepTable, metric: str, options: SweepOptions) -> Optimum:
    """Locate the best learning rate for a final loss."""
    losses = table.result(metric)
    level = means(losses)
    index = int(np.argmin(level))
    windows = _windows(table, losses)
    estimate, _, fitted = _locate(table.octaves, level[None], windows)
    initial = float(np.mean(table.baseline(metric)))
    margin = tolerated(level[index], initial, options) - level[index]
    alike, unresolved = _compare(losses, index, float(margin), options.confidence)
    interval, basis = _interval(table, losses, windows, alike, options)
    lr = float(2 ** estimate[0])
    return Optimum(
        metric=metric,
        index=index,
        grid_lr=float(table.lrs[index]),
        lr=lr if fitted[0] else float(table.lrs[index]),
        method="parabola" if fitted[0] else "grid",
        interval=None if interval is None else (min(interval[0], lr), max(interval[1], lr)),
        basis=basis,
        loss=float(level[index]),
        initial=initial,
        means=level,
        alike=alike,
        unresolved=unresolved,
        at_end="low" if index == 0 else "high" if index == len(level) - 1 else None,
    )


def resampled_optimum(table: SweepTable, metric: str, counts: Counts) -> tuple[Array, Array]:
    """(B,) lower and upper end of where each resample's best learning rate lies, as log2 η; equal where a fit says."""
    losses = table.result(metric)
    low, high, _ = _locate(table.octaves, resampled_means(losses, counts), _windows(table, losses))
    return low, high


def grid_spacing(octaves: Array) -> float:
    """The grid's own step in octaves: the upper quartile of the gaps, since points added at the edge lie closer."""
    return float(np.quantile(np.diff(octaves), 0.75, method="nearest")) if len(octaves) > 1 else 1.0


@dataclass(frozen=True, eq=False)
class _Window:
    """The points a parabola may be put through when the best is ``centre``, and the scale it is fitted on."""

    centre: int
    points: Indices
    logarithmic: bool
    reach: float

    def vertex(self, x: Array, level: Array) -> tuple[Array, NDArray[np.bool_]]:
        """(B,) vertices of the parabolas through (B, L) mean losses, and (B,) whether each can be trusted."""
        y = level[:, self.points]
        y = np.log(y) if self.logarithmic else y
        at = x[self.points] - x[self.centre]
        curvature, slope = (np.linalg.pinv(np.vander(at, 3)) @ y.T)[:2]
        convex = curvature > 0
        vertex = -slope / np.where(convex, 2 * curvature, 1.0)
        return x[self.centre] + vertex, convex & (np.abs(vertex) <= self.reach)


def _windows(table: SweepTable, losses: Array) -> list[_Window | None]:
    """One window per possible best; ``None`` where a parabola cannot be trusted.

    Only learning rates without any diverged run take part: beyond the onset the curve is a cliff, not a valley.
    """
    level, x = means(losses), table.octaves
    usable = ~table.diverged.any(axis=1) & np.isfinite(level)
    error = losses.std(axis=1) / np.sqrt(max(1, losses.shape[1] - 1))
    spacing = grid_spacing(x)
    return [_window(i, x, level, error, usable, spacing) for i in range(len(x))]


def _window(
    centre: int, x: Array, level: Array, error: Array, usable: NDArray[np.bool_], spacing: float
) -> _Window | None:
    connected = _around(centre, usable)
    for reach, fewest in ((2, 5), (1, 3)):
        points = connected[np.abs(x[connected] - x[centre]) <= (reach + 0.01) * spacing]
        if len(points) < fewest or not _two_sided(x[points] - x[centre], (reach - 0.5) * spacing):
            continue
        y = level[points]
        logarithmic = bool(y.min() > 0 and y.max() > _LOG_RATIO * y.min())
        if fewest == 5 and not _parabolic(x[points] - x[centre], y, error[points], logarithmic):
            continue
        return _Window(centre, points, logarithmic, spacing)
    return None


def _around(centre: int, usable: NDArray[np.bool_]) -> Indices:
    """Indices of the unbroken run of usable learning rates that contains ``centre``."""
    if not usable[centre]:
        return np.empty(0, dtype=np.intp)
    blocked = np.flatnonzero(~usable)
    left = blocked[blocked < centre].max(initial=-1) + 1
    right = blocked[blocked > centre].min(initial=len(usable))
    return np.arange(left, right, dtype=np.intp)


def _two_sided(at: Array, distance: float) -> bool:
    return bool(len(at)) and bool(at.min() <= -distance and at.max() >= distance)


def _parabolic(at: Array, y: Array, error: Array, logarithmic: bool) -> bool:
    """Whether a parabola describes the points: it explains nearly all, or what it leaves is within the noise."""
    if logarithmic:
        y, error = np.log(y), error / y
    left = y - np.vander(at, 3) @ (np.linalg.pinv(np.vander(at, 3)) @ y)
    explained = 1 - left.var() / y.var() if y.var() > 0 else 1.0
    return bool(explained >= _EXPLAINED or np.all(np.abs(left) <= 2 * np.nan_to_num(error)))


def _locate(x: Array, level: Array, windows: list[_Window | None]) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Range (B,), (B,) in which each row of mean losses (B, L) has its minimum, and (B,) whether a fit gave it.

    The range is a point where a parabola is trusted, else the cell of the best grid point, which reaches half-way to
    its neighbours.
    """
    best = np.argmin(level, axis=1)
    middle = (x[1:] + x[:-1]) / 2
    low = np.concatenate([x[:1], middle])[best]
    high = np.concatenate([middle, x[-1:]])[best]
    fitted = np.zeros(len(level), dtype=np.bool_)
    for i in np.unique(best):
        window, rows = windows[i], np.flatnonzero(best == i)
        if window is not None:
            vertex, trusted = window.vertex(x, level[rows])
            low[rows[trusted]] = high[rows[trusted]] = vertex[trusted]
            fitted[rows[trusted]] = True
    return low, high, fitted


def _compare(losses: Array, best: int, margin: float, confidence: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which learning rates cannot be told from the best, and which of these the noise alone hides."""
    alike = np.zeros(len(losses), dtype=np.bool_)
    unresolved = np.zeros(len(losses), dtype=np.bool_)
    for i, difference in enumerate(losses - losses[best]):
        if np.isfinite(difference).any():
            low, high = t_interval(difference, confidence)
            alike[i] = low <= 0 or np.nanmean(difference) <= margin
            unresolved[i] = low <= 0 and high > margin
    alike[best], unresolved[best] = True, False
    return alike, unresolved


def _interval(
    table: SweepTable, losses: Array, windows: list[_Window | None], alike: NDArray[np.bool_], options: SweepOptions
) -> tuple[tuple[float, float] | None, Literal["bootstrap", "alike", "none"]]:
    x, seeds = table.octaves, losses.shape[1]
    if seeds < 2:
        return None, "none"
    if seeds < _BOOTSTRAP_SEEDS:
        inside = np.flatnonzero(alike)
        first, last = inside[0], inside[-1]
        low = x[first] if first == 0 else (x[first - 1] + x[first]) / 2
        high = x[last] if last == len(x) - 1 else (x[last] + x[last + 1]) / 2
        return (float(2**low), float(2**high)), "alike"
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    lows, highs, _ = _locate(x, resampled_means(losses, counts), windows)
    low, high = percentile_interval(lows, highs, seeds, options.confidence)
    return (float(2**low), float(2**high)), "bootstrap"
