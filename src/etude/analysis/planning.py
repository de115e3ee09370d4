"""Which learning rates to run next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from etude.analysis.basin import tolerated
from etude.analysis.edge import Edge, find_edge
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import means
from etude.analysis.table import SweepTable
from etude.analysis.tipping import FEWEST_SEEDS
from etude.analysis.valley import grid_spacing
from etude.core.message import Message

_EXTEND_BY = 4
"""Learning rates added beyond an end at a time: enough to leave a plateau, few enough to waste little."""

_CLOSE_BY = 2
"""Learning rates added beyond an end at which only some seeds still hold, or diverge already: the end of the edge's
interval is near, and a narrower one is not worth many runs that teach nothing else."""

_SECTION = 5
"""The bracket of the edge is closed at once if so many learning rates do it, since lanes train side by side and a
further round costs more than a further lane; a wider bracket is first cut into quarters."""

_SLACK = 1 + 1e-9


@dataclass(frozen=True)
class Plan:
    """Learning rates to run next, and why; none when the sweep is complete.

    Attributes:
        lrs: Ascending.
        reasons: One message for each thing that is missing.
        seeds: On which seeds each of them is run; those left out are new, and run on all seeds of the sweep.
    """

    lrs: tuple[float, ...]
    reasons: tuple[Message, ...]
    seeds: Mapping[float, tuple[int, ...]] = field(default_factory=dict)


def plan(table: SweepTable, options: SweepOptions) -> Plan:
    """Extend the grid where an answer lies at its end or a seed tips over beyond it, and narrow the edge's bracket.

    Repeating it ends: extensions stay within ``options.reach`` of the range first asked for and within
    ``[min_lr, max_lr]``, and each section of the bracket makes it smaller until it is at most ``edge_ratio`` wide.
    """
    table = table.balanced()
    edge = find_edge(table, options)
    step = 2 ** grid_spacing(table.octaves)
    low, high = _bounds(table, options)
    lrs: list[float] = []
    reasons: list[Message] = []
    above, count = _above(table, edge)
    if above is not None:
        added = [lr for k in range(1, count + 1) if (lr := float(table.lrs[-1]) * step**k) <= high * _SLACK]
        lrs, reasons = lrs + added, reasons + [above] * bool(added)
    below, count = _below(table, edge, options)
    if below is not None:
        added = [lr for k in range(1, count + 1) if (lr := float(table.lrs[0]) / step**k) >= low / _SLACK]
        lrs, reasons = lrs + added, reasons + [below] * bool(added)
    inside = _section(edge, options.edge_ratio)
    if inside:
        reasons.append(Message("plan.edge", {"low": edge.lower or 0.0, "high": edge.upper or 0.0}))
    return Plan(tuple(sorted([*lrs, *inside])), tuple(reasons))


def _bounds(table: SweepTable, options: SweepOptions) -> tuple[float, float]:
    low, high = options.lr_range or (float(table.lrs[0]), float(table.lrs[-1]))
    return max(low / options.reach, options.min_lr), min(high * options.reach, options.max_lr)


def _best(table: SweepTable, metric: str) -> int:
    return int(np.argmin(means(table.result(metric))))


def _metrics(table: SweepTable) -> list[str]:
    return [metric for metric in ("train_loss", "validation_loss") if table.has(metric)]


def _above(table: SweepTable, edge: Edge) -> tuple[Message | None, int]:
    """Why to extend upwards, and by how many learning rates."""
    last, lr = len(table.lrs) - 1, float(table.lrs[-1])
    for metric in _metrics(table):
        if _best(table, metric) == last:
            return Message(f"plan.best_above.{metric}", {"lr": lr}), _EXTEND_BY
    if edge.upper is None:
        return Message("plan.edge_above", {"lr": lr}), _EXTEND_BY
    return _open_end("plan.some_hold", lr, np.isposinf(edge.seed_upper)), _CLOSE_BY


def _below(table: SweepTable, edge: Edge, options: SweepOptions) -> tuple[Message | None, int]:
    """Why to extend downwards, and by how many learning rates."""
    lr = float(table.lrs[0])
    if edge.lower is None:
        return Message("plan.edge_below", {"lr": lr}), _EXTEND_BY
    learned = any(_learned(table, metric, options) for metric in _metrics(table))
    for metric in _metrics(table):
        # If another loss fell but this one is lowest where nothing was learned, smaller learning rates cannot help it.
        if _best(table, metric) == 0 and (not learned or _learned(table, metric, options)):
            return Message(f"plan.best_below.{metric}", {"lr": lr}), _EXTEND_BY
    return _open_end("plan.some_diverge", lr, edge.seed_lower == 0), _CLOSE_BY


def _open_end(key: str, lr: float, seeds: NDArray[np.bool_]) -> Message | None:
    """The seeds that do not tip over inside the range; without enough seeds the edge has no interval to close."""
    if len(seeds) < FEWEST_SEEDS or not seeds.any():
        return None
    return Message(key, {"lr": lr, "count": int(seeds.sum()), "seeds": len(seeds)})


def _learned(table: SweepTable, metric: str, options: SweepOptions) -> bool:
    best, initial = float(means(table.result(metric)).min()), float(np.mean(table.baseline(metric)))
    return initial > tolerated(best, initial, options)


def _section(edge: Edge, ratio: float) -> list[float]:
    """Learning rates that divide the edge's bracket evenly in log η; none when it is narrow enough."""
    if edge.lower is None or edge.upper is None or edge.upper <= edge.lower * ratio * _SLACK:
        return []
    needed = math.ceil(math.log(edge.upper / edge.lower) / math.log(ratio * _SLACK)) - 1
    parts = needed + 1 if needed <= _SECTION else 4
    return [edge.lower * (edge.upper / edge.lower) ** (k / parts) for k in range(1, parts)]
