"""Which runs to make next where several sweeps are compared: each is halved by itself, and all end with equal seeds.

Arms are compared seed by seed, so an arm whose best learning rate is known early must still get the seeds of the others.
Two things are spared none the less: seeds of learning rates that are resolved to be worse than their own arm's best, and, once
an arm's best is known to the precision that was asked for, those of its neighbours that are resolved to be worse.

Axes: L learning rates, S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from etude.analysis.halving import (
    FIRST_SEEDS,
    GROWTH,
    Aim,
    around_edge,
    bounds_basin,
    lacking,
    next_but_one,
    standing,
    width,
)
from etude.analysis.optimum import find_optimum
from etude.analysis.options import SweepOptions
from etude.analysis.planning import Plan, plan
from etude.analysis.refining import refine
from etude.analysis.statistics import FEW_SEEDS
from etude.analysis.table import SweepTable
from etude.analysis.tipping import FEWEST_SEEDS
from etude.core.message import Message, Value


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison: its sweep so far, how it is analysed, and what it is to find out."""

    table: SweepTable
    options: SweepOptions
    aim: Aim


def halve_arms(sides: Mapping[str, Side], budget: int | None = None) -> dict[str, Plan]:
    """The next runs of several sweeps.

    1. What may be an arm's best (``deciding``) catches up with the seeds that the arms have. A grid whose best lies at its end
       is extended, and from five seeds on refined around the best; what is new gets as many seeds at once, since with few the
       luckiest of close neighbours would be refined, and again its neighbours. Where the budget does not pay for all of that,
       it pays for the arms that need least.
    2. When no arm lacks anything, all get more seeds at once wherever their best may lie. All arms get as many, or none does,
       so that they have equal seeds wherever the budget ends.
    3. It ends when every arm has the seeds that were asked for, or the budget does not pay for one more. It does not end when
       all best learning rates are known, for the seeds also tell the arms apart.

    Args:
        sides: By the name of the arm; each table has the first seeds of its grid, and all have equal seeds.
        budget: Most runs of all together; ``None`` for no limit but the seeds.

    Returns:
        Plans by the name of the arm; none when the comparison is complete.
    """
    made = {run for side in sides.values() for run in side.table.hashes}
    left = math.inf if budget is None else budget - len(made)
    level = max(len(side.table.seeds) for side in sides.values())
    wishes = {name: _lacking(side, level) for name, side in sides.items()}
    wishes = {name: wish for name, wish in wishes.items() if wish.lrs}
    if wishes:
        return _cheapest(wishes, left)
    most = min(max(side.aim.seeds for side in sides.values()), math.ceil(GROWTH * level))
    for target in range(most, level, -1):
        plans = {name: raised(side, target) for name, side in sides.items()}
        if sum(map(_cost, plans.values())) <= left:
            return plans
    return {}


def deciding(side: Side) -> NDArray[np.bool_]:
    """(L,) learning rates on which the comparison of an arm rests, so that they need the seeds that all arms have.

    Those that may be the best, the neighbourhood that tells where it lies while that is not known to the precision, and those
    that the question names.

    The comparison of arms judges each seed at the learning rate that the other seeds choose (``race.tuned``). Only learning
    rates that every seed has run can be chosen there. Those that are left out are resolved to be worse than the arm's best,
    so another seed more or less would hardly have made one of them the best.
    """
    table, aim = side.table, side.aim
    found = np.isin(table.lrs, aim.asked)
    for metric in aim.metrics:
        own = standing(table, metric, side.options)
        found |= own.alike
        if width(own.optimum) > aim.precision:
            found |= own.window
    return found


def raised(side: Side, target: int) -> Plan:
    """What an arm lacks to have ``target`` seeds where it is compared, and enough of them for its basin and its edge."""
    table, aim = side.table, side.aim
    compared = deciding(side)
    few = table.lrs[compared & (table.ran.sum(axis=1) < target)].tolist()
    wanted: dict[float, int] = {}
    if aim.edge and target >= FEWEST_SEEDS:
        wanted |= dict.fromkeys(around_edge(table, side.options), FEWEST_SEEDS)
    if aim.basin:
        wanted |= dict.fromkeys(_basin(side), min(target, FEW_SEEDS))
    wanted |= dict.fromkeys(table.lrs[compared].tolist(), target)
    return lacking(table, wanted, [_reason(aim, few, target)] if few else [])


def _basin(side: Side) -> list[float]:
    """Learning rates on which the ends of the basins rest; five seeds of them are enough for an interval."""
    found = np.zeros(len(side.table.lrs), dtype=np.bool_)
    for metric in side.aim.metrics:
        found |= bounds_basin(standing(side.table, metric, side.options), side.options)
    return list(map(float, side.table.lrs[found]))


def _lacking(side: Side, level: int) -> Plan:
    """What an arm needs before it may get more than ``level`` seeds."""
    behind = raised(side, level)
    return behind if behind.lrs else _better_grid(side, level)


def _better_grid(side: Side, level: int) -> Plan:
    """Learning rates that no seed has run yet."""
    table, options, aim = side.table, side.options, side.aim
    if aim.fixed:
        return Plan((), ())
    plans = []
    for metric in aim.metrics:
        optimum = find_optimum(table, metric, options)
        if optimum.at_end is None and level < min(FEW_SEEDS, aim.seeds):
            continue
        plans.append(refine(table, metric, options, aim.spacing))
        if not plans[-1].lrs and width(optimum) > aim.precision:
            plans.append(next_but_one(table, metric, aim.spacing))
    seeds = dict.fromkeys([*aim.asked, *(lr for further in plans for lr in further.lrs)], level)
    if aim.edge:
        plans.append(plan(table.first(FIRST_SEEDS), replace(options, edge_ratio=10**aim.precision)))
        seeds = dict.fromkeys(plans[-1].lrs, FIRST_SEEDS) | seeds
    cells = {lr: tuple(range(n)) for lr, n in sorted(seeds.items()) if lr not in table.lrs}
    reasons = tuple(reason for further in plans for reason in further.reasons)
    return Plan(tuple(cells), reasons if cells else (), cells)


def _reason(aim: Aim, wanted: Iterable[float], target: int) -> Message:
    lrs = list(wanted)
    values: dict[str, Value] = {"count": len(lrs), "low": lrs[0], "high": lrs[-1], "seeds": target}
    return Message(f"plan.more_seeds.{aim.metrics[0] if aim.metrics else 'asked'}", values)


def _cost(plan: Plan) -> int:
    return sum(map(len, plan.seeds.values()))


def _cheapest(wishes: Mapping[str, Plan], left: float) -> dict[str, Plan]:
    """As many of the wishes as what is left pays for, the cheapest first."""
    granted = {}
    for name in sorted(wishes, key=lambda name: (_cost(wishes[name]), name)):
        left -= _cost(wishes[name])
        if left < 0:
            break
        granted[name] = wishes[name]
    return granted
