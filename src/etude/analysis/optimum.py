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
from etude.analysis.statistics import (
    FEW_SEEDS,
    Counts,
    means,
    percentile_interval,
    resample_seeds,
    resampled_means,
    t_interval,
)
from etude.analysis.table import SweepTable
from etude.analysis.valley import Window, cell, fit_windows, locate
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class Optimum:
    """The learning rate of the lowest mean loss over seeds.

    Attributes:
        metric: Which final loss.
        index: Of the grid's best learning rate.
        grid_lr: That learning rate.
        lr: Estimate: the lowest point of a local parabola in log2 η (a cubic, where the seeds show that the valley is
            lopsided), or ``grid_lr`` when no fit can be trusted.
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
    method: Literal["fit", "grid"]
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
    windows = fit_windows(table, losses, options.confidence)
    vertex = float(locate(table.octaves, level[None], windows)[0][0])
    fitted = bool(np.isfinite(vertex))
    initial = float(np.mean(table.baseline(metric)))
    margin = tolerated(level[index], initial, options) - level[index]
    alike, unresolved = _compare(losses, index, float(margin), options.confidence)
    interval, basis = _interval(table, losses, windows, alike, options)
    lr = float(2**vertex) if fitted else float(table.lrs[index])
    return Optimum(
        metric=metric,
        index=index,
        grid_lr=float(table.lrs[index]),
        lr=lr,
        method="fit" if fitted else "grid",
        interval=None if interval is None else (min(interval[0], lr), max(interval[1], lr)),
        basis=basis,
        loss=float(level[index]),
        initial=initial,
        means=level,
        alike=alike,
        unresolved=unresolved,
        at_end="low" if index == 0 else "high" if index == len(level) - 1 else None,
    )


def resampled_optimum(table: SweepTable, metric: str, counts: Counts, options: SweepOptions) -> tuple[Array, Array]:
    """(B,) lower and upper end of where each resample's best learning rate lies, as log2 η."""
    losses = table.result(metric)
    windows = fit_windows(table, losses, options.confidence)
    _, low, high = locate(table.octaves, resampled_means(losses, counts), windows)
    return low, high


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
    table: SweepTable, losses: Array, windows: list[Window | None], alike: NDArray[np.bool_], options: SweepOptions
) -> tuple[tuple[float, float] | None, Literal["bootstrap", "alike", "none"]]:
    x, seeds = table.octaves, losses.shape[1]
    if seeds < 2:
        return None, "none"
    if seeds < FEW_SEEDS:
        inside = _unbroken(int(np.argmin(means(losses))), alike & ~table.diverged.any(axis=1))
        first, last = int(inside[0]), int(inside[-1])
        return (float(2 ** cell(x, first)[0]), float(2 ** cell(x, last)[1])), "alike"
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    _, lows, highs = locate(x, resampled_means(losses, counts), windows)
    low, high = percentile_interval(lows, highs, seeds, options.confidence)
    return (float(2**low), float(2**high)), "bootstrap"


def _unbroken(centre: int, mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices around ``centre`` up to the first that is not in the mask; the centre always is."""
    out = np.flatnonzero(~mask)
    left = out[out < centre].max(initial=-1) + 1
    right = out[out > centre].min(initial=len(mask))
    return np.arange(left, right, dtype=np.intp)
