"""Which runs to make next where the budget counts: seeds go where the best learning rate is decided.

Successive halving (Jamieson & Talwalkar, 2016) with seeds as the resource, and comparisons as in racing (Maron & Moore, 1994):
every learning rate gets a few seeds, and those that are resolved to be worse get no more. Steps are never the resource: which
learning rate is best moves with the horizon, so a short run would favour the wrong ones.

Axes: L learning rates, S seeds; x = log2 η.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from etude.analysis.basin import tolerated
from etude.analysis.edge import find_edge
from etude.analysis.optimum import Optimum, find_optimum
from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.planning import Plan, plan
from etude.analysis.refining import refine
from etude.analysis.statistics import FEW_SEEDS, means, t_interval
from etude.analysis.table import SweepTable
from etude.analysis.tipping import FEWEST_SEEDS
from etude.analysis.valley import local_spacing
from etude.core.message import Message, Value
from etude.core.trace import Array

FIRST_SEEDS = 2
"""Seeds of a learning rate that nothing is known of: the fewest that tell a difference from noise."""

GROWTH = 1.5
"""Factor by which the seeds of what is still in question grow: 2, 3, 5, 8, 12, …"""

_SPACING = 0.75
"""Gap between the best learning rate and its neighbours [octaves]: the widest at which two of them to either side still are a
neighbourhood to which a curve can be fitted. Wider is better, for a vertex is known the better the longer its lever."""

_SLACK = 1 + 1e-9

_OCTAVES = math.log2(10)
"""In a decade."""


@dataclass(frozen=True)
class Aim:
    """What a sparing sweep is to find out, and what it may cost.

    Attributes:
        metrics: Final losses whose best learning rate is sought.
        precision: Width of its interval that is enough [decades]; the edge is bracketed as closely.
        seeds: Most seeds of a learning rate.
        budget: Most runs of the sweep; ``None`` for no limit but the seeds.
        edge: Whether the edge is sought as well.
        basin: Whether the ends of the basin are sought as well. This and the next concern sweeps that are compared
            (``halving_arms``).
        asked: Learning rates that the question names: they are run, and get as many seeds as the best one.
        fixed: Whether no learning rate is added, because sweeps share their grid.
        spacing: Widest gap between the best learning rate and its neighbours [octaves].
    """

    metrics: tuple[LossMetric, ...]
    precision: float
    seeds: int
    budget: int | None = None
    edge: bool = False
    basin: bool = False
    asked: tuple[float, ...] = ()
    fixed: bool = False
    spacing: float = _SPACING


def halve(table: SweepTable, options: SweepOptions, aim: Aim) -> Plan:
    """The next runs: a better grid first, then more seeds for the learning rates that may be the best.

    1. The grid is extended where a best lies at its end, and refined around each best.
    2. More seeds go to what may be the best: the learning rates to which the curve through the best is fitted, and all
       others that are not resolved to be worse than it, by a paired t-interval over the seeds that both have.
    3. This ends when the intervals are at most ``precision`` wide, or seeds or budget are used up.

    Args:
        table: The sweep so far; every learning rate has the first seeds, from 0 without gaps.
        options: How it is analysed.
        aim: What for.

    Returns:
        Learning rates with the seeds that each lacks; none when the sweep is complete.
    """
    better = _better_grid(table, options, aim)
    if better.lrs:
        wishes = [better]
    else:
        level = len(table.seeds)
        most = min(aim.seeds, math.ceil(GROWTH * level))
        wishes = [_more_seeds(table, options, aim, target) for target in range(max(most, level), level - 1, -1)]
    left = math.inf if aim.budget is None else aim.budget - len(table.hashes)
    affordable = (wish for wish in wishes if wish.lrs and sum(map(len, wish.seeds.values())) <= left)
    return next(affordable, Plan((), ()))


@dataclass(frozen=True, eq=False)
class Standing:
    """How each learning rate stands to the best of the sweep.

    Attributes:
        optimum: The best.
        counts: (L,) seeds that ran.
        window: (L,) whether the curve through the best is fitted to it.
        low: (L,) lower end of the interval of its loss above the best's, over the seeds that both have; 0 for the best.
        high: (L,) upper end.
        alike: (L,) whether it may still be the best.
        rival: (L,) whether it may still be the best, or tells where the best lies.
    """

    optimum: Optimum
    counts: NDArray[np.int64]
    window: NDArray[np.bool_]
    low: Array
    high: Array
    alike: NDArray[np.bool_]
    rival: NDArray[np.bool_]


def standing(table: SweepTable, metric: str, options: SweepOptions) -> Standing:
    """Compare every learning rate with the best, seed by seed."""
    optimum, losses, x = find_optimum(table, metric, options), table.result(metric), table.octaves
    best = optimum.index
    gap = local_spacing(x, best)
    stable = ~table.diverged.any(axis=1)
    window = np.asarray(stable & (np.abs(x - x[best]) <= 2.01 * gap))
    ends = [t_interval(difference, options.confidence) for difference in losses - losses[best]]
    low, high = np.asarray(ends).T
    alike = np.asarray(stable & (low <= 0))
    alike[best] = True
    return Standing(optimum, table.ran.sum(axis=1), window, low, high, alike, alike | window)


def width(optimum: Optimum) -> float:
    """Of the interval of the best learning rate [decades]; +inf where there is none."""
    if optimum.interval is None or optimum.at_end is not None:
        return math.inf
    return math.log10(optimum.interval[1] / optimum.interval[0])


def bounds_basin(found: Standing, options: SweepOptions) -> NDArray[np.bool_]:
    """(L,) whether a learning rate may lie in the basin of the best, or is the first outside of it at either end."""
    best, level = found.optimum.index, found.optimum.means
    threshold = float(tolerated(level[best], found.optimum.initial, options))
    deciding: NDArray[np.bool_] = found.alike | (found.low <= threshold - level[best])
    outside = np.flatnonzero(level > threshold)
    deciding[[*outside[outside < best][-1:], *outside[outside > best][:1]]] = True
    return deciding


def _better_grid(table: SweepTable, options: SweepOptions, aim: Aim) -> Plan:
    """Learning rates that no seed has run yet, each on the first seeds."""
    spacing = dict.fromkeys(aim.metrics, aim.spacing)
    for metric in aim.metrics:
        optimum = find_optimum(table, metric, options)
        if len(table.seeds) >= FEW_SEEDS and optimum.method == "grid":
            # Where no curve can be fitted, the grid itself must be as fine as what is asked for.
            spacing[metric] = aim.precision * _OCTAVES
    plans = [refine(table, metric, options, spacing[metric]) for metric in aim.metrics]
    plans += [
        next_but_one(table, metric, aim.spacing)
        for metric, further in zip(aim.metrics, plans, strict=True)
        if not further.lrs
    ]
    if aim.edge:
        plans.append(plan(table.first(FIRST_SEEDS), replace(options, edge_ratio=10**aim.precision)))
    lrs = {lr for further in plans for lr in further.lrs} - set(table.lrs.tolist())
    reasons: list[Message] = []
    for further in plans:
        reasons += [reason for reason in further.reasons if reason not in reasons]
    return Plan(tuple(sorted(lrs)), tuple(reasons), {lr: tuple(range(FIRST_SEEDS)) for lr in lrs})


def next_but_one(table: SweepTable, metric: str, spacing: float) -> Plan:
    """Learning rates that make the neighbourhood of the best complete: two to either side, evenly spaced."""
    x, best = table.octaves, int(np.argmin(means(table.result(metric))))
    widest = max(local_spacing(x, best), spacing) * _SLACK
    gaps = [(x[i], x[i + 1]) for i in (best - 2, best + 1) if 0 <= i < len(x) - 1 and x[i + 1] - x[i] > widest]
    if not gaps:
        return Plan((), ())
    reason = Message("plan.refine", {"low": float(2 ** gaps[0][0]), "high": float(2 ** gaps[-1][1])})
    return Plan(tuple(float(2 ** ((a + b) / 2)) for a, b in gaps), (reason,))


def _more_seeds(table: SweepTable, options: SweepOptions, aim: Aim, target: int) -> Plan:
    """What lacks seeds for all that may be the best to have ``target`` of them; if some lag behind, they catch up first."""
    level = len(table.seeds)
    wanted: dict[float, int] = {}
    reasons = []
    for metric in aim.metrics:
        found = standing(table, metric, options)
        lag = bool((found.counts[found.rival] < level).any())
        enough = level if lag else target
        if found.optimum.at_end is not None:
            # No further seed moves a best out of the end of what may be tried; three say that it is no accident.
            enough = min(enough, FEWEST_SEEDS)
        elif not lag and width(found.optimum) <= aim.precision:
            continue
        lrs = table.lrs[found.rival & (found.counts < enough)]
        if len(lrs):
            wanted |= {float(lr): max(enough, wanted.get(float(lr), 0)) for lr in lrs}
            values: dict[str, Value] = {
                "count": len(lrs),
                "low": float(lrs[0]),
                "high": float(lrs[-1]),
                "seeds": enough,
            }
            reasons.append(Message(f"plan.more_seeds.{metric}", values))
    if aim.edge and max(level, *wanted.values(), 0) >= FEWEST_SEEDS:
        wanted |= {lr: max(FEWEST_SEEDS, wanted.get(lr, 0)) for lr in around_edge(table, options)}
    return lacking(table, wanted, reasons)


def around_edge(table: SweepTable, options: SweepOptions) -> list[float]:
    """Two learning rates to either side of the edge, on which its interval rests."""
    upper = find_edge(table, options).upper
    if upper is None:
        return []
    first = int(np.searchsorted(table.lrs, upper))
    return [float(lr) for lr in table.lrs[max(first - 2, 0) : first + 2]]


def lacking(table: SweepTable, wanted: Mapping[float, int], reasons: Sequence[Message]) -> Plan:
    """The runs that learning rates lack to have as many seeds as are wanted, from 0 without gaps."""
    cells = {}
    for lr, seeds in sorted(wanted.items()):
        row = table.cells[int(np.searchsorted(table.lrs, lr))]
        present = {int(seed) for seed, cell in zip(table.seeds, row, strict=True) if cell is not None}
        missing = tuple(seed for seed in range(seeds) if seed not in present)
        if missing:
            cells[lr] = missing
    return Plan(tuple(cells), tuple(reasons), cells)
