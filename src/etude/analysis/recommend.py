"""Which learning rate to use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etude.analysis.basin import Basin, interpolated
from etude.analysis.edge import Edge
from etude.analysis.evidence import Evidence
from etude.analysis.optimum import Optimum
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import resample_seeds, resampled_interval, resampled_means
from etude.analysis.table import SweepTable
from etude.core.message import Message, Value

_SHARE = 1 / 3
"""Place in the basin, from its left end. Not the middle, since the two sides differ: to the left the loss rises slowly,
to the right it ends in a cliff; and with more steps, width or depth the whole curve tends to move left."""

_MARGIN = 1.0
"""Octaves to keep below the edge where the basin allows it: what is not varied here, such as more steps or other data, may
lower the edge as well."""


@dataclass(frozen=True)
class Recommendation:
    """A learning rate to use, or the reason why none can be recommended.

    Attributes:
        lr: The learning rate; ``None`` when refused.
        reason: Why this one, or why none and what would help.
        regret: Predicted loss above the best's, read off the mean curve; ``None`` when refused.
        regret_interval: Of the regret, seeds resampled in pairs.
        margin: Octaves below the lower end of the edge's interval; ``None`` when that is not known or when refused.
    """

    lr: float | None
    reason: Message
    regret: float | None = None
    regret_interval: tuple[float, float] | None = None
    margin: float | None = None


def recommend(
    table: SweepTable, optimum: Optimum, basin: Basin, edge: Edge, evidence: Evidence, options: SweepOptions
) -> Recommendation:
    """Choose a third of the way into the basin from the left, in log η, an octave below the edge where possible.

    The margin is kept from the lower end of the edge's interval: the seed to come is not among those that ran.
    """
    objection = evidence.against_recommendation
    if objection is not None:
        return Recommendation(None, objection)
    x, kind = _place(basin, edge)
    lr = float(2**x)
    regret, interval = _regret(table, optimum, x, options)
    values: dict[str, Value] = {
        "lr": lr,
        "left": basin.left,
        "right": basin.right,
        "best": optimum.lr,
        "regret": max(0.0, regret),
    }
    margin = None
    if edge.safe is not None:
        margin = float(np.log2(edge.safe) - x)
        values["edge"] = edge.safe
        if kind != "inside":
            values["margin"] = edge.safe / lr
    return Recommendation(lr, Message(f"recommended_lr.{kind}", values), regret, interval, margin)


def _place(basin: Basin, edge: Edge) -> tuple[float, str]:
    left, right = float(np.log2(basin.left)), float(np.log2(basin.right))
    wished = left + _SHARE * (right - left)
    if edge.safe is None:
        return wished, "no_edge"
    lowest_edge = float(np.log2(edge.safe))
    safe = lowest_edge - _MARGIN
    if wished <= safe:
        return wished, "third"
    if safe > left:
        return safe, "margin"
    return left, "left_end" if left < lowest_edge else "inside"


def _regret(table: SweepTable, optimum: Optimum, x: float, options: SweepOptions) -> tuple[float, tuple[float, float]]:
    seeds = len(table.seeds)
    regret = float(interpolated(table.octaves, optimum.means[None], x)[0] - optimum.loss)
    counts = resample_seeds(seeds, options.resamples, options.bootstrap_seed)
    level = resampled_means(table.result(optimum.metric), counts)
    sample = interpolated(table.octaves, level, x) - level[:, optimum.index]
    return regret, resampled_interval(sample, sample, seeds, options.confidence)
