"""What a warm-up allows: how high a peak still trains, and how long the first steps are.

Axes: L learning rates, S seeds, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.race.pairs import FEWEST_SEEDS, holm, paired_probability
from etude.analysis.statistics import means, t_interval
from etude.analysis.table import SweepTable
from etude.analysis.tipping import tipping_brackets, tipping_interval
from etude.analysis.valley import grid_spacing
from etude.core.message import Message
from etude.core.trace import Array

Interval = tuple[float, float]

_SECTION = 4
"""Parts that a wide bracket is cut into at a time."""

_EXTEND_BY = 2

_SLACK = 1 + 1e-9


@dataclass(frozen=True, eq=False)
class Ceiling:
    """The highest peak at which training still makes half of the descent.

    Adam has no sharp edge on a small network: beyond its best learning rate the loss rises over a decade and more, and which
    run counts as diverged there is a matter of luck. Where half of the descent is lost is well defined for every seed.

    Attributes:
        lower: (S,) largest learning rate at which the seed still made half of it; 0 where there is none.
        upper: (S,) smallest at which it did not any more; +inf where there is none.
        interval: Over seeds; 0 and +inf are open ends.
    """

    lower: Array
    upper: Array
    interval: Interval

    @property
    def estimate(self) -> float:
        """Geometric mean over seeds of the middles of their brackets; NaN where one is open."""
        middle = _middles(self)[0]
        return float(2 ** middle.mean()) if np.isfinite(middle).all() else float("nan")


def half_way(tables: Mapping[str, SweepTable], metric: str) -> float:
    r"""Loss at half of the descent, :math:`(\ell_0 + \ell^*)/2`, with ℓ* the lowest mean of all arms: one level for all."""
    initial = np.mean([float(np.mean(table.baseline(metric))) for table in tables.values()])
    best = min(float(means(table.result(metric)).min()) for table in tables.values())
    return float(initial + best) / 2


def find_ceiling(table: SweepTable, metric: str, level: float, options: SweepOptions) -> Ceiling:
    """Where each seed's loss rises above a level for good, beyond the best learning rate of the mean."""
    beyond = _beyond_best(table, metric)
    losses = table.result(metric)[beyond]
    lower, upper = tipping_brackets(table.lrs[beyond], losses <= level, losses > level)
    return Ceiling(lower, upper, tipping_interval(lower, upper, options.confidence))


def bracket_ceiling(table: SweepTable, metric: str, level: float, options: SweepOptions) -> Plan:
    """Learning rates that narrow the bracket of the mean's ceiling to ``options.edge_ratio``.

    Before that the grid is extended until no seed makes half of the descent at its upper end any more.
    """
    table = table.comparable()
    beyond = _beyond_best(table, metric)
    lrs, above = table.lrs[beyond], means(table.result(metric))[beyond] > level
    # A seed that did not run at the upper end says nothing of what lies beyond.
    if np.isinf(find_ceiling(table, metric, level, options).upper[table.ran[-1]]).any():
        step, last = 2 ** grid_spacing(table.octaves), float(lrs[-1])
        most = min((options.lr_range or (last, last))[1] * options.reach, options.max_lr) * _SLACK
        added = tuple(lr for k in range(1, _EXTEND_BY + 1) if (lr := last * step**k) <= most)
        if added:
            return Plan(added, (Message("plan.ceiling_above", {"lr": last}),))
    first = int(above.argmax())
    if first == 0:
        return Plan((), ())
    low, high = float(lrs[first - 1]), float(lrs[first])
    if high <= low * options.edge_ratio * _SLACK:
        return Plan((), ())
    parts = min(_SECTION, math.ceil(math.log(high / low) / math.log(options.edge_ratio * _SLACK)))
    inside = tuple(low * (high / low) ** (k / parts) for k in range(1, parts))
    return Plan(inside, (Message("plan.ceiling", {"low": low, "high": high}),))


def around_ceiling(table: SweepTable, metric: str, level: float) -> tuple[float, ...]:
    """Learning rates from the second below the mean's ceiling on: between them and the last, each seed has its own."""
    beyond = _beyond_best(table, metric)
    above = means(table.result(metric))[beyond] > level
    first = int(above.argmax()) if above.any() else len(above)
    return tuple(float(lr) for lr in table.lrs[beyond][max(first - 2, 0) :])


def _beyond_best(table: SweepTable, metric: str) -> slice:
    return slice(int(np.argmin(means(table.result(metric)))), None)


@dataclass(frozen=True, eq=False)
class PeakShift:
    """How much higher a peak still trains with a warm-up than without.

    Attributes:
        name: The arm with the warm-up.
        octaves: Mean over seeds of log2 of the ratio of the ceilings, paired; NaN where one is open.
        interval: Of it; spans what the brackets cannot tell. Infinite where a ceiling is open.
        corrected: Two-sided probability of such a shift if there is none, corrected for all lengths (Holm).
    """

    name: str
    octaves: float
    interval: Interval
    corrected: float


def peak_shifts(tables: Mapping[str, SweepTable], without: str, metric: str, options: SweepOptions) -> list[PeakShift]:
    """Compare the ceiling of every arm with that of the arm ``without`` a warm-up, seed by seed.

    Middles of the brackets, in log η, are compared by Student's paired interval; half of both brackets is added at either
    end, because within them the runs say nothing.
    """
    level = half_way(tables, metric)
    ceilings = {name: find_ceiling(table, metric, level, options) for name, table in tables.items()}
    names = [name for name in tables if name != without]
    shifts = [_shift(ceilings[name], ceilings[without], options.confidence) for name in names]
    corrected = holm([p for _, _, p in shifts])
    return [
        PeakShift(name, octaves, interval, p)
        for name, (octaves, interval, _), p in zip(names, shifts, corrected, strict=True)
    ]


def _shift(ceiling: Ceiling, without: Ceiling, confidence: float) -> tuple[float, Interval, float]:
    middles, halves = zip(*(_middles(c) for c in (ceiling, without)), strict=True)
    if not (np.isfinite(middles).all() and len(middles[0]) >= FEWEST_SEEDS):
        return np.nan, (-np.inf, np.inf), 1.0
    difference, slack = middles[0] - middles[1], float(np.mean(halves[0] + halves[1]))
    low, high = t_interval(difference, confidence)
    return float(difference.mean()), (low - slack, high + slack), paired_probability(difference, slack)


def _middles(ceiling: Ceiling) -> tuple[Array, Array]:
    """(S,) log2 of the middle of each seed's bracket, and half its width [octaves]; not finite where it is open."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.log2(ceiling.lower), np.log2(ceiling.upper)
        return (low + high) / 2, (high - low) / 2


@dataclass(frozen=True, eq=False)
class StepLengths:
    """Length of each update per unit of learning rate, relative to what it is later on.

    Attributes:
        ratio: (S, T) ‖Δw_t‖ / η_t over its median in the second half of training.
        first: Geometric mean over seeds of the ratio at the first step.
        interval: Of it.
        settled: Mean number of steps until the ratio first falls below 2.
    """

    ratio: Array
    first: float
    interval: Interval
    settled: float


def step_lengths(update_norms: Array, rates: Array, confidence: float) -> StepLengths:
    r"""Read how long the first updates are.

    .. math:: r_t = \frac{\ell_t}{\operatorname{median}_{s \ge T/2}\, \ell_s}, \qquad
              \ell_t = \lVert w_{t+1} - w_t \rVert / \eta_t

    For Adam :math:`\lVert \Delta w \rVert / \eta` is the length of :math:`\hat m/(\sqrt{\hat v} + \epsilon)`: √P at the first
    step, when the moments hold a single gradient and every one of P parameters moves by η, and less as gradients of changing
    sign average out.

    Args:
        update_norms: ‖Δw_t‖ (S, T) of runs that completed.
        rates: η_t (T,), positive.
        confidence: Of the interval, over seeds, of the mean log ratio.

    References:
        Liu et al. (2020), On the variance of the adaptive learning rate and beyond. arXiv:1908.03265.
        Ma & Yarats (2021), On the adequacy of untuned warmup for adaptive optimization. arXiv:1910.04209.

    Example:
        >>> found = step_lengths(np.array([[8.0, 2.0, 1.0, 1.0]] * 3), np.full(4, 0.1), 0.95)
        >>> round(found.first, 6), found.settled
        (8.0, 2.0)
    """
    speed = update_norms / rates
    ratio = speed / np.median(speed[:, speed.shape[1] // 2 :], axis=1, keepdims=True)
    logs = np.log(ratio[:, 0])
    low, high = t_interval(logs, confidence)
    settled = np.where((ratio < 2).any(axis=1), (ratio < 2).argmax(axis=1), ratio.shape[1])
    first = float(np.exp(logs.mean()))
    return StepLengths(ratio, first, (float(np.exp(low)), float(np.exp(high))), float(settled.mean()))
