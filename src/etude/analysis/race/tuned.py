"""Each arm at its own tuned peak learning rate.

Axes: L learning rates, S seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude.analysis.evidence import weigh
from etude.analysis.optimum import Optimum, find_optimum
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import means, t_interval
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError
from etude.core.message import Message
from etude.core.trace import Array

_CLIFF = 4.0
"""A neighbour whose mean loss is more than this times the best says nothing of the valley's floor."""


@dataclass(frozen=True, eq=False)
class TunedArm:
    """What an arm reaches at its tuned peak, the learning rate of the lowest mean loss.

    The plain result flatters the arm, because the same seeds choose the learning rate and are judged at it. The held-out
    one is free of that: each seed is judged at the learning rate that the *other* seeds choose.

    Attributes:
        name: The arm's name.
        table: Its sweep, at the learning rates that can be compared (``SweepTable.comparable``); the best has every seed.
        metric: Which final loss.
        optimum: Where its best learning rate lies.
        tuned: (S,) loss at the best learning rate of all seeds.
        chosen: (S,) learning rate that the other seeds choose, among those that every seed has finished.
        held_out: (S,) loss of the seed at that learning rate.
        slack: How much lower the valley's floor may lie between the learning rates that were run; +inf where the best
            lies at an end of the grid or nothing was learned, for then it may lie anywhere.
        objection: Why nothing can be said about the arm's best; ``None`` when something can.
    """

    name: str
    table: SweepTable
    metric: str
    optimum: Optimum
    tuned: Array
    chosen: Array
    held_out: Array
    slack: float
    objection: Message | None

    @property
    def lr(self) -> float:
        """The tuned peak, one of the learning rates that were run."""
        return self.optimum.grid_lr

    @property
    def mean(self) -> float:
        """Mean loss at the tuned peak."""
        return float(self.tuned.mean())

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of the mean loss: both Student intervals, of the tuned and of the held-out losses, together."""
        ends = [t_interval(values, confidence) for values in (self.tuned, self.held_out)]
        return min(low for low, _ in ends), max(high for _, high in ends)


def tune(arms: Mapping[str, SweepTable], metric: str, options: SweepOptions) -> list[TunedArm]:
    """Tune every arm; arms keep their order.

    Raises:
        SpecError: With fewer than two arms, when seeds differ between arms, or when no learning rate of an arm was run
            on every seed.
    """
    if len(arms) < 2:
        raise SpecError(f"needs at least two arms to compare, got {len(arms)}: add an arm")
    seeds = {name: tuple(table.seeds.tolist()) for name, table in arms.items()}
    first = next(iter(seeds))
    for name, own in seeds.items():
        if own != seeds[first]:
            raise SpecError(
                f"arms need the same seeds, got {seeds[first]} ({first}) and {own} ({name}): run both on all"
            )
    return [_tune(name, table, metric, options) for name, table in arms.items()]


def tuned_peak(table: SweepTable, metric: str, options: SweepOptions) -> tuple[SweepTable, Optimum]:
    """Where the best learning rate of an arm lies, and the table in which it has every seed.

    A sweep that spares runs (``halving_arms``) gives all seeds to what may be the best, and few to the rest, which is compared
    on these. Where its budget ended before a new best had all seeds, what has few is left out.

    Raises:
        SpecError: When no learning rate was run on every seed.
    """
    comparable = table.comparable()
    optimum = find_optimum(comparable, metric, options)
    if comparable.ran[optimum.index].all():
        return comparable, optimum
    balanced = table.balanced()
    return balanced, find_optimum(balanced, metric, options)


def leave_one_out(losses: Array) -> NDArray[np.intp]:
    """(S,) row of the lowest mean over the other seeds, of losses (L, S); with a single seed, its own best row.

    Example:
        >>> leave_one_out(np.array([[1.0, 1.0, 4.0], [2.0, 2.0, 2.0]])).tolist()
        [1, 1, 0]
    """
    if losses.shape[1] == 1:
        return np.asarray(np.argmin(losses, axis=0))
    return np.asarray(np.argmin(losses.sum(axis=1, keepdims=True) - losses, axis=0))


def grid_slack(octaves: Array, level: Array) -> float:
    r"""How much lower than the best of the mean losses ``level`` (L,) the floor of the valley may lie.

    It is twice the depth, below the best point, of the vertex of the parabola through it and its two neighbours,

    .. math:: 2\,\frac{b^2}{4a}, \qquad \ell(x) - \ell_{\min} \approx a\,(x - x_{\min})^2 + b\,(x - x_{\min})

    twice because valleys are lopsided. Where one neighbour lies beyond a cliff the parabola is meaningless; a convex loss
    falls towards the cliff at most as fast as it fell before, so by the rise on the other side. At an end of the grid: +inf.

    Example:
        >>> float(grid_slack(np.array([-1.0, 0.0, 1.0]), np.array([1.5, 0.5, 0.5])))
        0.25
    """
    best = int(np.argmin(level))
    if best in (0, len(level) - 1):
        return np.inf
    around = slice(best - 1, best + 2)
    rise, at = level[around] - level[best], octaves[around] - octaves[best]
    if level[around].max() > _CLIFF * abs(level[best]):
        return float(np.delete(rise, 1).min())
    slopes = np.delete(rise, 1) / np.delete(at, 1)
    a = float(slopes[1] - slopes[0]) / float(at[2] - at[0])
    b = float(slopes[0]) - a * float(at[0])
    return b * b / (2 * a) if a > 0 else 0.0


def _tune(name: str, table: SweepTable, metric: str, options: SweepOptions) -> TunedArm:
    if not table.has(metric) and (table.ran & ~table.diverged).any():
        raise SpecError(f"no run of {name!r} measured {metric!r} at its end: choose a loss that was measured")
    table, optimum = tuned_peak(table, metric, options)
    evidence = weigh(table, optimum, options)
    objection = evidence.against_curve or evidence.grid_end
    losses = table.result(metric)
    complete = np.flatnonzero(table.ran.all(axis=1))
    rows = complete[leave_one_out(losses[complete])]
    return TunedArm(
        name=name,
        table=table,
        metric=metric,
        optimum=optimum,
        tuned=losses[optimum.index],
        chosen=table.lrs[rows],
        held_out=losses[rows, np.arange(losses.shape[1])],
        slack=np.inf if objection is not None else grid_slack(table.octaves, means(losses)),
        objection=objection,
    )
