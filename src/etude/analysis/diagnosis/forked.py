"""What a fork test says: copies of the run at other learning rates, on the same batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from etude.analysis.ratio import ratio_of_means
from etude.analysis.statistics import t_interval
from etude.core.fork import Fork
from etude.core.trace import Array

DESCENDED = 0.1
"""Share of L₀ below which a descent is not divided by."""


@final
@dataclass(frozen=True)
class Reading:
    """A number of a fork test and its 95 % interval."""

    value: float
    low: float
    high: float


def gain_of_fork(fork: Fork | None) -> Reading | None:
    r"""How much further the copy at the higher learning rate came, as a multiple of what the unchanged one made.

    .. math:: (L - L_{3\eta}) / (L - L_\eta)

    with means over the repeats, and Fieller's interval. 3 where the loss depends on Σ η alone, 1 where the learning rate has
    no effect, below 1 where it is too high. ``None`` without a fork test, or where no copy went higher; NaN where the unchanged
    copy came no further.
    """
    if fork is None or fork.factors.max() <= 1:
        return None
    made, other = fork.before - _at(fork, 1.0), fork.before - _at(fork, float(fork.factors.max()))
    if not made.mean() > 0:
        return Reading(np.nan, -np.inf, np.inf)
    value, (low, high) = ratio_of_means(np.nan_to_num(other, neginf=-1e9), made)
    return Reading(value, low, high)


def spared_by_fork(fork: Fork | None, start: float | None) -> Reading | None:
    r"""What the copy at the lower learning rate has less of the loss, as a share of its descent from L₀.

    .. math:: (L_\eta - L_{\eta/3}) / (L_0 - L_{\eta/3})

    ``None`` without a fork test, where no copy went lower, or where that copy is less than a tenth of L₀ below it.
    """
    if fork is None or start is None or fork.factors.min() >= 1:
        return None
    lower = _at(fork, float(fork.factors.min()))
    if not lower.mean() < start - DESCENDED * abs(start):
        return None
    share = (_at(fork, 1.0) - lower) / (start - lower.mean())
    return Reading(float(share.mean()), *t_interval(share))


def descent_of_fork(fork: Fork | None) -> float | None:
    """How much lower the best copy came than where they parted, relative to the loss there; ``None`` from fewer than three."""
    if fork is None or len(fork.factors) < 3:
        return None
    before = float(fork.before.mean())
    return (before - float(fork.after.mean(axis=0).min())) / abs(before)


def _at(fork: Fork, factor: float) -> Array:
    loss: Array = fork.after[:, int(np.argmin(np.abs(fork.factors - factor)))]
    return loss
