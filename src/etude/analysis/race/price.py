"""What it costs to use another arm's tuned peak.

Axes: A arms, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etude.analysis.race.pairs import FEWEST_SEEDS
from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array

_NEAR = 0.26
"""Octaves beyond its grid up to which an arm is read at its nearest learning rate: a quarter, and rounding."""


@dataclass(frozen=True, eq=False)
class Prices:
    """Regret of every arm at every arm's tuned peak.

    Attributes:
        names: (A,) of the arms.
        lrs: (A,) tuned peaks.
        losses: (A, A) mean loss of arm a (row) at the tuned peak of arm b (column); NaN where a was not run near it on two
            seeds. Where some seeds were spared, it is the loss at the own peak plus the regret on the others.
        regret: (A, A) how much higher that is than at its own tuned peak, over the seeds that ran at both; 0 on the diagonal.
        low: (A, A) lower end of the interval, differences paired over seeds, each for itself.
        high: (A, A) upper end.
        worst: Row and column of the largest regret that is certainly positive, or of the largest when none is; ``None`` when
            none is known.
        worst_interval: Of that regret, widened because it is chosen among many (Bonferroni).
    """

    names: tuple[str, ...]
    lrs: Array
    losses: Array
    regret: Array
    low: Array
    high: Array
    worst: tuple[int, int] | None
    worst_interval: tuple[float, float] | None


def prices(arms: Sequence[TunedArm], confidence: float = 0.95) -> Prices:
    """Read every arm at every arm's tuned peak; a diverged run counts as its loss at initialization."""
    lrs = np.asarray([arm.lr for arm in arms])
    read = np.asarray([[losses_at(arm.table, arm.metric, lr) for lr in lrs] for arm in arms])
    regrets = read - np.asarray([arm.tuned for arm in arms])[:, None, :]
    ends = np.asarray([[t_interval(d, confidence) for d in row] for row in regrets])
    known = np.isfinite(regrets).sum(axis=2)
    enough = known >= min(2, regrets.shape[2])
    regret = np.where(enough, np.nansum(regrets, axis=2) / np.maximum(known, 1), np.nan)
    worst = _worst(regrets, confidence)
    return Prices(
        names=tuple(arm.name for arm in arms),
        lrs=lrs,
        losses=regret + np.asarray([arm.mean for arm in arms])[:, None],
        regret=regret,
        low=ends[..., 0],
        high=ends[..., 1],
        worst=None if worst is None else worst[0],
        worst_interval=None if worst is None else worst[1],
    )


def _worst(regrets: Array, confidence: float) -> tuple[tuple[int, int], tuple[float, float]] | None:
    """Row, column and interval of the largest regret (A, A, S) that is certainly positive, else of the largest.

    The largest of all may belong to a pair of which a single seed diverged, which says little.
    """
    enough = np.isfinite(regrets).sum(axis=2) >= min(FEWEST_SEEDS, regrets.shape[2])
    known = [(i, j) for i, j in np.ndindex(regrets.shape[:2]) if i != j and enough[i, j]]
    if not known:
        return None
    level = 1 - (1 - confidence) / len(known)
    intervals = {cell: t_interval(regrets[cell], level) for cell in known}
    cell = max(known, key=lambda cell: (intervals[cell][0] > 0, np.nanmean(regrets[cell])))
    return cell, intervals[cell]


def losses_at(table: SweepTable, metric: str, lr: float) -> Array:
    """(S,) final losses at a learning rate, linear in log η between the neighbours that were run; NaN where a seed lacks one.

    A valley curves upwards, so what is read lies a little above the truth. Beyond the grid by at most a quarter of an
    octave: the losses at its end; further away: NaN.
    """
    losses, x, at = table.result(metric), table.octaves, float(np.log2(lr))
    if at < x[0] - _NEAR or at > x[-1] + _NEAR:
        return np.full(losses.shape[1], np.nan)
    return np.asarray([np.interp(at, x, column) for column in losses.T])
