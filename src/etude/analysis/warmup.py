"""What a warm-up allows: the edge with and without it, and how long the first steps are.

Axes: S seeds, T steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from etude.analysis.edge import Edge, find_edge
from etude.analysis.options import SweepOptions
from etude.analysis.race.pairs import FEWEST_SEEDS, holm, paired_probability
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class EdgeShift:
    """How much further the edge lies with a warm-up than without.

    Attributes:
        name: The arm with the warm-up.
        octaves: Mean over seeds of log2 of the ratio of the edges, paired.
        interval: Of it; spans what the brackets of the edges cannot tell. Infinite where an edge is open.
        corrected: Two-sided probability of such a shift if there is none, corrected for all lengths (Holm).
    """

    name: str
    octaves: float
    interval: Interval
    corrected: float


def edge_shifts(tables: Mapping[str, SweepTable], without: str, options: SweepOptions) -> list[EdgeShift]:
    """Compare the edge of every arm with that of the arm ``without`` a warm-up, seed by seed.

    Each seed has an edge of its own in either arm, known up to a bracket between learning rates that were run. Midpoints in
    log η are compared by Student's paired interval; half of both brackets is added at either end, because within them the
    runs say nothing.
    """
    edges = {name: find_edge(table, options) for name, table in tables.items()}
    names = [name for name in tables if name != without]
    shifts = [_shift(edges[name], edges[without], options.confidence) for name in names]
    corrected = holm([p for _, _, p in shifts])
    return [
        EdgeShift(name, octaves, interval, p)
        for name, (octaves, interval, _), p in zip(names, shifts, corrected, strict=True)
    ]


def _shift(edge: Edge, without: Edge, confidence: float) -> tuple[float, Interval, float]:
    middles, halves = zip(*(_seed_edges(e) for e in (edge, without)), strict=True)
    difference, slack = middles[0] - middles[1], float(np.mean(halves[0] + halves[1]))
    if not (np.isfinite(difference).all() and len(difference) >= FEWEST_SEEDS):
        return np.nan, (-np.inf, np.inf), 1.0
    low, high = t_interval(difference, confidence)
    return float(difference.mean()), (low - slack, high + slack), paired_probability(difference, slack)


def _seed_edges(edge: Edge) -> tuple[Array, Array]:
    """(S,) log2 of each seed's edge, and half the width of its bracket [octaves]; infinite where it is open."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.log2(edge.seed_lower), np.log2(edge.seed_upper)
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
        >>> found.first, found.settled
        (8.0, 2.0)
    """
    speed = update_norms / rates
    ratio = speed / np.median(speed[:, speed.shape[1] // 2 :], axis=1, keepdims=True)
    logs = np.log(ratio[:, 0])
    low, high = t_interval(logs, confidence)
    settled = np.where((ratio < 2).any(axis=1), (ratio < 2).argmax(axis=1), ratio.shape[1])
    first = float(np.exp(logs.mean()))
    return StepLengths(ratio, first, (float(np.exp(low)), float(np.exp(high))), float(settled.mean()))
