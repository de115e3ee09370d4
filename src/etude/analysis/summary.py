"""What a report draws: per learning rate, a mean over seeds and its interval.

Axes: L learning rates, S seeds, E evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude.analysis.options import SweepOptions
from etude.analysis.statistics import percentile_interval, resample_seeds, resampled_means
from etude.analysis.table import SweepTable
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class EndSummary:
    """A final number against η.

    Diverged runs count as their initial value, losses are capped there.

    Attributes:
        metric: Which number.
        lrs: (L,).
        values: (L, S); NaN where nothing ran.
        mean: (L,) over seeds; NaN where nothing ran.
        low: (L,) lower end of the interval of the mean, seeds resampled; NaN with a single seed.
        high: (L,) upper end.
        diverged: (L,) number of seeds that diverged.
        ran: (L,) number of seeds that ran.
    """

    metric: str
    lrs: Array
    values: Array
    mean: Array
    low: Array
    high: Array
    diverged: NDArray[np.int64]
    ran: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CurveSummary:
    """An evaluation column during training at one η.

    Attributes:
        metric: Which column.
        lr: η.
        steps: (E,) optimizer steps.
        mean: (E,) over seeds; a diverged seed counts as its initial value from the step where it diverged.
        low: (E,) lower end of the interval of the mean; NaN with a single seed.
        high: (E,) upper end.
        alive: (E,) seeds that had not diverged yet; draw the curve where this is not 0.
    """

    metric: str
    lr: float
    steps: Array
    mean: Array
    low: Array
    high: Array
    alive: NDArray[np.int64]


def summarize_ends(table: SweepTable, metric: str, options: SweepOptions) -> EndSummary:
    """Summarize a final number per learning rate."""
    values = table.result(metric)
    mean, low, high = _mean_and_interval(values, options)
    return EndSummary(
        metric=metric,
        lrs=table.lrs,
        values=values,
        mean=mean,
        low=low,
        high=high,
        diverged=(table.diverged & table.ran).sum(axis=1),
        ran=table.ran.sum(axis=1),
    )


def summarize_curves(table: SweepTable, metric: str, options: SweepOptions) -> list[CurveSummary]:
    """Summarize an evaluation column over training, one curve per learning rate."""
    steps, curves, alive = table.steps, table.curve(metric), _alive(table)
    summaries = []
    for i, lr in enumerate(table.lrs):
        mean, low, high = _mean_and_interval(curves[i].T, options)
        summaries.append(CurveSummary(metric, float(lr), steps, mean, low, high, alive[i]))
    return summaries


def _alive(table: SweepTable) -> NDArray[np.int64]:
    """(L, E) seeds that had not diverged at each evaluated step."""
    out = np.zeros((len(table.lrs), len(table.steps)), dtype=np.int64)
    for i, row in enumerate(table.cells):
        for trace in row:
            if trace is not None:
                out[i] += ~((table.steps >= trace.outcome.step) & trace.outcome.diverged)
    return out


def _mean_and_interval(values: Array, options: SweepOptions) -> tuple[Array, Array, Array]:
    """(R,) mean, low, high of rows (R, S), each over the seeds that it has.

    The bootstrap keeps the interval of a positive loss positive, where Student's may reach below zero.
    """
    mean, low, high = (np.full(len(values), np.nan) for _ in range(3))
    for count in np.unique(np.isfinite(values).sum(axis=1)):
        rows = np.flatnonzero(np.isfinite(values).sum(axis=1) == count)
        own = np.stack([values[row][np.isfinite(values[row])] for row in rows])
        if count:
            mean[rows] = own.mean(axis=1)
        if count > 1:
            samples = resampled_means(own, resample_seeds(int(count), options.resamples, options.bootstrap_seed))
            ends = [percentile_interval(sample, sample, int(count), options.confidence) for sample in samples.T]
            low[rows], high[rows] = np.asarray(ends, dtype=np.float64).T
    return mean, low, high
