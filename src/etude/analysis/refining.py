"""Which learning rates to run next where only the best one is asked for."""

from __future__ import annotations

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.statistics import means
from etude.analysis.table import SweepTable
from etude.analysis.valley import grid_spacing
from etude.core.message import Message

_EXTEND_BY = 2
"""Learning rates added beyond an end at a time."""

_SLACK = 1 + 1e-9


def refine(table: SweepTable, metric: str, options: SweepOptions, resolution: float = 0.5) -> Plan:
    """Learning rates around the best one, until its neighbours lie within ``resolution`` octaves.

    A coarse grid finds the valley, a few further learning rates its floor: what a race between many sweeps needs, which asks
    for the best learning rate of each and not for its edge. A best one at the grid's end has the grid extended first.

    Args:
        table: The sweep so far.
        metric: Final loss by which "best" is meant.
        options: ``lr_range`` and ``reach`` bound how far the grid is extended.
        resolution: Widest gap beside the best learning rate [octaves]; ½ is a factor of 1.4, across which a valley of the
            usual width hardly rises.

    Returns:
        Learning rates, ascending, none of them in the sweep; none when it is complete.
    """
    table = table.comparable()
    x, best = table.octaves, int(np.argmin(means(table.result(metric))))
    if best in (0, len(x) - 1):
        return _beyond(table, best, metric, options)
    gaps = [(x[i], x[i + 1]) for i in (best - 1, best) if x[i + 1] - x[i] > resolution * _SLACK]
    inside = tuple(float(2 ** ((a + b) / 2)) for a, b in gaps)
    reason = Message("plan.refine", {"low": float(table.lrs[best - 1]), "high": float(table.lrs[best + 1])})
    return Plan(inside, (reason,) if inside else ())


def _beyond(table: SweepTable, best: int, metric: str, options: SweepOptions) -> Plan:
    low, high = options.lr_range or (float(table.lrs[0]), float(table.lrs[-1]))
    low, high = max(low / options.reach, options.min_lr), min(high * options.reach, options.max_lr)
    step = 2 ** grid_spacing(table.octaves)
    end = float(table.lrs[best])
    below = best == 0
    wished = sorted(end * step ** (-k if below else k) for k in range(1, _EXTEND_BY + 1))
    lrs = tuple(lr for lr in wished if low / _SLACK <= lr <= high * _SLACK)
    key = f"plan.best_{'below' if below else 'above'}.{metric}"
    return Plan(lrs, (Message(key, {"lr": end}),) if lrs else ())
