"""What the learning rate does to held-out data: the gap, sharpness, and whether training picks the right η.

Axes: L learning rates, S seeds, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etude.analysis.basin import tolerated
from etude.analysis.convergence import default_target
from etude.analysis.optimum import resampled_optimum
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import (
    Counts,
    means,
    percentile_interval,
    rank_correlation_interval,
    resample_seeds,
    resampled_means,
    spearman,
    t_interval,
)
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError
from etude.core.trace import Array

Interval = tuple[float, float]


_FEWEST_POINTS = 6
"""Learning rates below which a perfect order is no evidence: of five it comes about by chance once in sixty."""


@dataclass(frozen=True)
class Measured:
    """A mean over seeds, its interval (``None`` with fewer than two), and how many seeds it rests on."""

    estimate: float
    interval: Interval | None
    seeds: int


def gap_at(table: SweepTable, index: int, options: SweepOptions) -> Measured:
    """Validation minus training loss at one learning rate, Student's interval over seeds."""
    gap = table.final("validation_loss")[index] - table.final("train_loss")[index]
    return _measured(gap, options)


def sharpness_at(table: SweepTable, index: int, options: SweepOptions) -> Measured | None:
    """Top Hessian eigenvalue at one learning rate, or ``None`` when it was not measured.

    The mean is geometric where every value is positive, as sharpness varies by factors.
    """
    values = table.final("sharpness")[index]
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    if values.min() <= 0:
        return _measured(values, options)
    logs = _measured(np.log(values), options)
    interval = None if logs.interval is None else (float(np.exp(logs.interval[0])), float(np.exp(logs.interval[1])))
    return Measured(float(np.exp(logs.estimate)), interval, logs.seeds)


def _measured(values: Array, options: SweepOptions) -> Measured:
    known = values[np.isfinite(values)]
    interval = t_interval(known, options.confidence) if len(known) > 1 else None
    return Measured(float(known.mean()) if len(known) else np.nan, interval, len(known))


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation across learning rates.

    The interval covers both what other seeds would give and what other learning rates would.
    """

    estimate: float
    interval: Interval
    lrs: tuple[float, ...]


def sharpness_correlation(table: SweepTable, against: Array, options: SweepOptions) -> RankCorrelation | None:
    """Correlate sharpness with ``against`` (L, S) over the learning rates that trained without divergence.

    Only those whose mean training loss made the share ``target_fraction`` of the best descent take part. A network
    that was hardly trained is flat and bad, and would decide the sign.

    Returns:
        ``None`` with fewer than six such learning rates or fewer than two seeds.
    """
    sharpness = table.final("sharpness")
    sharp = np.log(np.where(sharpness > 0, sharpness, np.nan))
    trained = means(table.result("train_loss")) <= default_target(table, options)
    complete = np.isfinite(sharp).all(axis=1) & np.isfinite(against).all(axis=1)
    rows = np.flatnonzero(trained & complete & ~table.diverged.any(axis=1))
    seeds = len(table.seeds)
    if len(rows) < _FEWEST_POINTS or seeds < 2:
        return None
    estimate = spearman(means(sharp[rows]), means(against[rows]))
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    pairs = zip(resampled_means(sharp[rows], counts), resampled_means(against[rows], counts), strict=True)
    sample = np.asarray([spearman(a, b) for a, b in pairs])
    if not (np.isfinite(estimate) and np.isfinite(sample).all()):
        return None
    by_seed = percentile_interval(sample, sample, seeds, options.confidence)
    by_point = rank_correlation_interval(estimate, len(rows), options.confidence)
    interval = (min(by_seed[0], by_point[0]), max(by_seed[1], by_point[1]))
    return RankCorrelation(estimate, interval, tuple(float(lr) for lr in table.lrs[rows]))


@dataclass(frozen=True, eq=False)
class Choice:
    """What it costs on held-out data to choose the learning rate by training loss.

    Attributes:
        regret: Mean over seeds of the validation loss at the η that trains best minus that at the η that validates
            best, both chosen on the other seeds, so that no seed judges its own choice.
        interval: Student's interval over the left-out seeds. Choices overlap in all seeds but one, so it is a little
            too narrow when the choice itself is unstable.
        per_seed: (S,) the differences.
        margin: Loss within which the two count as equally good.
        train_lr: Geometric mean of the learning rates so chosen by training loss.
        validation_lr: Of those chosen by validation loss.
        log2_ratio: log2 of (η that trains best / η that validates best), on all seeds.
        ratio_interval: Of it, seeds resampled in pairs [octaves].
    """

    regret: float
    interval: Interval
    per_seed: Array
    margin: float
    train_lr: float
    validation_lr: float
    log2_ratio: float
    ratio_interval: Interval


def choose_by_training(table: SweepTable, options: SweepOptions) -> Choice:
    """Compare the learning rate that trains best with the one that generalizes best.

    Raises:
        SpecError: With fewer than three seeds: a choice made on one other seed is the choice of chance.
    """
    train, validation = table.result("train_loss"), table.result("validation_loss")
    seeds = len(table.seeds)
    if seeds < 3:
        raise SpecError(f"needs at least 3 seeds to leave one out, got {seeds}: run more seeds")
    without_one = np.ones((seeds, seeds), dtype=np.int64) - np.eye(seeds, dtype=np.int64)
    by_train = resampled_means(train, without_one).argmin(axis=1)
    by_validation = resampled_means(validation, without_one).argmin(axis=1)
    seed = np.arange(seeds)
    differences = validation[by_train, seed] - validation[by_validation, seed]
    best = float(means(validation).min())
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    every = np.ones((1, seeds), dtype=np.int64)
    (low, high), (whole_low, whole_high) = (
        _log2_ratio(table, counts, options),
        _log2_ratio(table, every, options),
    )
    return Choice(
        regret=float(np.nanmean(differences)),
        interval=t_interval(differences, options.confidence),
        per_seed=differences,
        margin=float(tolerated(best, float(np.mean(table.baseline("validation_loss"))), options)) - best,
        train_lr=float(2 ** table.octaves[by_train].mean()),
        validation_lr=float(2 ** table.octaves[by_validation].mean()),
        log2_ratio=float((whole_low + whole_high)[0] / 2),
        ratio_interval=percentile_interval(low, high, seeds, options.confidence),
    )


def _log2_ratio(table: SweepTable, counts: Counts, options: SweepOptions) -> tuple[Array, Array]:
    """(B,) range of log2 of the ratio; as wide as the grid's cells where no fit locates the optimum."""
    train, validation = (resampled_optimum(table, m, counts, options) for m in ("train_loss", "validation_loss"))
    return train[0] - validation[1], train[1] - validation[0]
