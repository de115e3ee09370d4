"""A problem whose minimum is known, a method, and what became of its runs.

Axes: L learning rates, S seeds, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from etude.analysis.descent.fastest import BEST, Best
from etude.analysis.descent.rates import Rate, falls, fit_rate, steps_until
from etude.analysis.descent.theory import Method, edge, rate
from etude.analysis.table import SweepTable
from etude.core.trace import Array, Trace


@dataclass(frozen=True, eq=False)
class Problem:
    """What is known of a convex problem.

    Attributes:
        name: Unique, such as ``"quadratic"``.
        eigenvalues: Of the Hessian at the minimum, (D,), ascending, positive.
        minimum: L*.
        bound: A bound on λmax that holds everywhere; λmax itself where the Hessian is the same everywhere.
    """

    name: str
    eigenvalues: Array
    minimum: float
    bound: float

    @property
    def bottom(self) -> float:
        """λmin."""
        return float(self.eigenvalues[0])

    @property
    def top(self) -> float:
        """λmax."""
        return float(self.eigenvalues[-1])

    @property
    def condition(self) -> float:
        """κ = λmax/λmin."""
        return self.top / self.bottom

    @property
    def quadratic(self) -> bool:
        """Whether the Hessian is the same everywhere."""
        return self.bound <= self.top * (1 + 1e-9)


@dataclass(frozen=True)
class Bracket:
    """A learning rate known to lie between two that ran.

    Attributes:
        low: The one below.
        high: The one above.
    """

    low: float
    high: float

    @property
    def middle(self) -> float:
        """Geometric mean."""
        return float(np.sqrt(self.low * self.high))

    def over(self, value: float) -> Bracket:
        """Both ends divided by a value."""
        return Bracket(self.low / value, self.high / value)

    def holds(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high


@dataclass(frozen=True, eq=False)
class Case:
    """A method on a problem, by full batches.

    Attributes:
        name: Of the arm.
        problem: The problem.
        method: The method.
        momentum: β.
        table: Its runs.
    """

    name: str
    problem: Problem
    method: Method
    momentum: float
    table: SweepTable

    @property
    def lrs(self) -> Array:
        """(L,) learning rates, ascending."""
        return self.table.lrs

    @cached_property
    def edge(self) -> float:
        """The edge in theory."""
        return edge(self.method, self.problem.top, self.momentum)

    @cached_property
    def best(self) -> Best:
        """The fastest learning rate and momentum of the method, in theory."""
        return BEST[self.method](self.problem.bottom, self.problem.top)

    @property
    def tuned(self) -> bool:
        """Whether the momentum is the fastest one."""
        return abs(self.momentum - self.best.momentum) < 1e-9

    def theory(self, lrs: Array) -> Array:
        """ρ in theory, shaped like ``lrs``."""
        return rate(self.method, lrs, self.problem.eigenvalues, self.momentum)

    @cached_property
    def fits(self) -> tuple[tuple[Rate | None, ...], ...]:
        """(L, S) fitted rates; ``None`` where the curve is not straight or too short."""
        rows = []
        for losses in self._curves:
            found = [fit_rate(curve, self.problem.minimum) for curve in losses]
            rows.append(tuple(one if isinstance(one, Rate) else None for one in found))
        return tuple(rows)

    @cached_property
    def rates(self) -> Array:
        """(L, S) measured ρ; NaN where there is none."""
        return np.array([[np.nan if one is None else one.value for one in row] for row in self.fits])

    @cached_property
    def falling(self) -> NDArray[np.bool_]:
        """(L, S) whether the loss was still falling, or at the minimum, when the run ended."""
        minimum = self.problem.minimum
        return np.array([[falls(curve, minimum) for curve in losses] for losses in self._curves])

    @cached_property
    def measured_edge(self) -> Bracket | None:
        """Between which learning rates half of the seeds stop falling; ``None`` when it is not between two that ran."""
        beyond = np.flatnonzero(2 * self.falling.sum(axis=1) <= self.falling.shape[1])
        if not len(beyond) or beyond[0] == 0:
            return None
        return Bracket(float(self.lrs[beyond[0] - 1]), float(self.lrs[beyond[0]]))

    @cached_property
    def fastest(self) -> tuple[float, Bracket] | None:
        """The learning rate with the smallest mean rate and its neighbours; ``None`` when it has not two."""
        known = ~np.isnan(self.rates).any(axis=1)
        lrs, means = self.lrs[known], self.rates[known].mean(axis=1)
        place = int(np.argmin(means)) if len(means) else 0
        if not 0 < place < len(means) - 1:
            return None
        return float(lrs[place]), Bracket(float(lrs[place - 1]), float(lrs[place + 1]))

    def nearest(self, lr: float) -> int:
        """Index of the learning rate nearest to one."""
        return int(np.abs(np.log(self.lrs / lr)).argmin())

    def steps(self, share: float) -> Array:
        """(L, S) steps until the loss above the minimum stays below a share of its start; +inf where it never does."""
        minimum = self.problem.minimum
        return np.array([[steps_until(curve, minimum, share) for curve in losses] for losses in self._curves])

    @cached_property
    def _curves(self) -> list[list[Array]]:
        return [[_loss(trace) for trace in row] for row in self.table.cells]


def _loss(trace: Trace | None) -> Array:
    return np.empty(0) if trace is None else trace.per_step["loss"]
