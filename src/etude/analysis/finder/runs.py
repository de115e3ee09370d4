"""Short runs at constant learning rates, from one start: what they say of the best η at their own length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from etude.core.trace import Array

TAIL = 4  # a run is judged by its last quarter
_LIKE_BEST = 0.03
_SOUND = 0.1
_GRID_ERROR = 0.25  # of a gap beside the best one: a curve is a parabola only nearly
_ROUNDING = 1e-7  # relative; float32 losses are no more exact

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ShortRun:
    """One run at a constant learning rate.

    Attributes:
        lr: Learning rate η.
        order: Which order of the batches; runs with the same one saw the same batches.
        planned: Steps that it was to make.
        losses: Loss before each step (T,); shorter than planned when the run exploded.
        judged: What the user's own evaluation gave at the end, or ``None``.
    """

    lr: float
    order: int
    planned: int
    losses: Array
    judged: float | None = None

    @property
    def finished(self) -> bool:
        """Whether it made all of its steps, and with a finite loss."""
        return len(self.losses) == self.planned and bool(np.isfinite(self.losses).all())

    @property
    def value(self) -> float:
        """What it is judged by: the evaluation, or else the mean loss over its last quarter; infinite if it exploded."""
        if not self.finished:
            return np.inf
        if self.judged is not None:
            return self.judged if np.isfinite(self.judged) else np.inf
        return float(self.losses[-max(self.planned // TAIL, 1) :].mean())


@dataclass(frozen=True)
class Best:
    """The best learning rate of runs of one length.

    Attributes:
        lr: Lowest point of the parabola through the best learning rate and its neighbours in log η.
        low: Lower end of the learning rates that are as good: within 3 % of the descent, or within the noise.
        high: Upper end.
        spread: How far the lowest points of single orders of the batches lie apart [decades]; ``None`` for one order.
        descent: How far the best run fell.
        error: Standard error of the difference between neighbours in ``value``, over orders or over steps.
        inside: Whether worse learning rates were tried on both sides.
    """

    lr: float
    low: float
    high: float
    spread: float | None
    descent: float
    error: float
    inside: bool


def curve_of(runs: Sequence[ShortRun]) -> tuple[Array, Array]:
    """Learning rates, ascending, and values there: those of the first order, corrected by what other orders add.

    At a learning rate that ran in several orders the value is the mean of value minus the order's own level, where the level
    is the mean over the learning rates that every order has: differences between orders cancel.
    """
    lrs = np.array(sorted({run.lr for run in runs}))
    orders = sorted({run.order for run in runs})
    table = np.full((len(lrs), len(orders)), np.nan)
    for run in runs:
        table[np.searchsorted(lrs, run.lr), orders.index(run.order)] = run.value
    common = np.isfinite(table).all(axis=1)
    if common.any():
        levels = table[common].mean(axis=0)
        table = table - (levels - levels[0])
    return lrs, np.array([row[~np.isnan(row)].mean() for row in table])


def find_best(runs: Sequence[ShortRun], base: float) -> Best:
    """Where runs of one length do best; some run must have finished."""
    lrs, values = curve_of(runs)
    x = np.log10(lrs)
    i, equal = int(np.argmin(values)), tied(values)
    error = _error(runs, lrs[max(i - 1, 0) : i + 2])
    descent = base - float(values[i])
    vertex = _vertex(x, values, i) if len(equal) == 1 else float(x[equal].mean())
    level = float(values[i]) + max(_LIKE_BEST * abs(descent), 2 * error)
    low, high = _crossing(x, values, i, level, -1), _crossing(x, values, i, level, 1)
    alone = [_alone(runs, order, lrs[max(i - 1, 0) : i + 2]) for order in sorted({r.order for r in runs})]
    known = [v for v in alone if v is not None]
    spread = float(np.ptp(known)) if len(known) > 1 else None
    if spread is not None:
        low, high = min(low, *known), max(high, *known)
    grid = _GRID_ERROR * float(np.diff(x[max(i - 1, 0) : i + 2]).max()) if len(x) > 1 else 0.0
    return Best(
        lr=float(10**vertex),
        low=float(10 ** min(low, vertex - grid)),
        high=float(10 ** max(high, vertex + grid)),
        spread=spread,
        descent=descent,
        error=error,
        inside=bool(equal[0] > 0 and equal[-1] < len(lrs) - 1),
    )


def tied(values: Array) -> Indices:
    """Places of the values that equal the least one but for rounding; some must be finite.

    Example:
        >>> tied(np.array([3.0, 1.0, 1.0 + 1e-12, np.inf])).tolist()
        [1, 2]
    """
    least = values.min()
    return np.flatnonzero(values <= least + _ROUNDING * abs(least))


def edge_of(runs: Sequence[ShortRun], base: float, best: float) -> tuple[float | None, float | None]:
    r"""The largest learning rate below the edge and the smallest one beyond it, as far as runs show them.

    Beyond the edge is a run above the best learning rate that exploded, or whose value gave back its descent:

    .. math:: v(\eta) > b - 0.1\,(b - v(\eta^*))
    """
    lowest = min((run.value for run in runs), default=np.inf)
    limit = base - _SOUND * (base - lowest)
    beyond = [run.lr for run in runs if run.lr > best and run.value > limit]
    first = min(beyond, default=np.inf)
    sound = [run.lr for run in runs if run.value <= limit and run.lr < first]
    return max(sound, default=None), None if np.isinf(first) else first


def _vertex(x: Array, values: Array, i: int) -> float:
    """Lowest point of the parabola through three neighbours, no more than half a gap away from the middle one."""
    if not 0 < i < len(x) - 1 or not np.isfinite(values[i - 1 : i + 2]).all():
        return float(x[i])
    curvature, slope, _ = np.polyfit(x[i - 1 : i + 2] - x[i], values[i - 1 : i + 2], 2)
    if curvature <= 0:
        return float(x[i])
    return float(x[i] + np.clip(-slope / (2 * curvature), (x[i - 1] - x[i]) / 2, (x[i + 1] - x[i]) / 2))


def _crossing(x: Array, values: Array, i: int, level: float, side: int) -> float:
    """Where the line through the values crosses a level, going from the best one to a side; the last x if it never does."""
    j = i
    while 0 <= j + side < len(x):
        inner, outer = values[j], values[j + side]
        if outer > level:
            share = (level - inner) / (outer - inner) if np.isfinite(outer) else 0.5
            return float(x[j] + share * (x[j + side] - x[j]))
        j += side
    return float(x[j])


def _alone(runs: Sequence[ShortRun], order: int, lrs: Array) -> float | None:
    """Lowest point of one order's runs at these learning rates, or ``None`` when it lacks some."""
    mine = {run.lr: run.value for run in runs if run.order == order}
    if not all(lr in mine for lr in lrs):
        return None
    values = np.array([mine[lr] for lr in lrs])
    return _vertex(np.log10(lrs), values, int(np.argmin(values)))


def _error(runs: Sequence[ShortRun], lrs: Array) -> float:
    """Standard error of the difference between neighbours.

    Over steps of the last quarter, half as many counted as free; where evaluations judge, over the orders of the batches.
    """
    near = [run for run in runs if run.lr in lrs and np.isfinite(run.value)]
    near.sort(key=lambda run: (run.order, run.lr))
    pairs = [(one, other) for one, other in pairwise(near) if one.order == other.order]
    if any(run.judged is not None for run in near):
        return _error_over_orders(pairs)
    errors = []
    for one, other in pairs:
        tail = (one.losses - other.losses)[-max(one.planned // TAIL, 1) :]
        errors.append(float(tail.std() / np.sqrt(max(len(tail) / 2, 1))))
    return float(np.mean(errors)) if errors else 0.0


def _error_over_orders(pairs: Sequence[tuple[ShortRun, ShortRun]]) -> float:
    """Standard error of the mean difference between the same two learning rates; 0 where none has a second order."""
    steps: dict[tuple[float, float], list[float]] = {}
    for one, other in pairs:
        steps.setdefault((one.lr, other.lr), []).append(other.value - one.value)
    errors = [float(np.std(own, ddof=1) / np.sqrt(len(own))) for own in steps.values() if len(own) > 1]
    return float(np.mean(errors)) if errors else 0.0
