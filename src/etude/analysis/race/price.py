"""What it costs to use another arm's tuned peak.

Axes: A arms, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
        losses: (A, A) mean loss of arm a (row) at the tuned peak of arm b (column); NaN where a was not run near it.
        regret: (A, A) how much higher that is than at its own tuned peak; 0 on the diagonal.
        low: (A, A) lower end of the interval, differences paired over seeds, each for itself.
        high: (A, A) upper end.
        worst: Row and column of the largest regret; ``None`` when none is known.
        worst_interval: Of the largest regret, widened because it is the largest of many (Bonferroni).
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
    regret = regrets.mean(axis=2)
    off = ~np.eye(len(arms), dtype=np.bool_) & np.isfinite(regret)
    worst, interval = None, None
    if off.any():
        flat = int(np.argmax(np.where(off, regret, -np.inf)))
        worst = (flat // len(arms), flat % len(arms))
        interval = t_interval(regrets[worst], 1 - (1 - confidence) / int(off.sum()))
    return Prices(
        names=tuple(arm.name for arm in arms),
        lrs=lrs,
        losses=read.mean(axis=2),
        regret=regret,
        low=ends[..., 0],
        high=ends[..., 1],
        worst=worst,
        worst_interval=interval,
    )


def losses_at(table: SweepTable, metric: str, lr: float) -> Array:
    """(S,) final losses at a learning rate, linear in log η between the neighbours that were run.

    A valley curves upwards, so what is read lies a little above the truth. Beyond the grid by at most a quarter of an
    octave: the losses at its end; further away: NaN.
    """
    losses, x, at = table.result(metric), table.octaves, float(np.log2(lr))
    if at < x[0] - _NEAR or at > x[-1] + _NEAR:
        return np.full(losses.shape[1], np.nan)
    return np.asarray([np.interp(at, x, column) for column in losses.T])
