"""Measured noise floors: where the loss of SGD stays.

Axes: L learning rates, S seeds, E evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from etude.analysis.descent.noise import noise_floor
from etude.analysis.descent.theory import Method, edge
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array, Trace

GAP = "validation_loss"
"""The column that holds the loss above the minimum: the noisy quadratic's held-out example is its minimum."""

SMALL = 0.12
"""Share of the edge up to which the floor counts as proportional to η: there 1/(2 − ηλ) has risen by 14 % at most."""


@dataclass(frozen=True, eq=False)
class NoiseCase:
    """SGD on a quadratic with gradient noise.

    Attributes:
        name: Of the arm.
        eigenvalues: λ, (D,).
        variance: σ²/B of a batch's gradient in every direction.
        momentum: β.
        table: Its runs.
    """

    name: str
    eigenvalues: Array
    variance: float
    momentum: float
    table: SweepTable

    @property
    def lrs(self) -> Array:
        """(L,) learning rates, ascending."""
        return self.table.lrs

    @property
    def edge(self) -> float:
        """The edge in theory."""
        return edge(Method.HEAVY_BALL, float(self.eigenvalues.max()), self.momentum)

    def theory(self, lrs: Array) -> Array:
        """Floors in theory, shaped like ``lrs``."""
        return noise_floor(lrs, self.eigenvalues, np.full(len(self.eigenvalues), self.variance), self.momentum)

    @cached_property
    def floors(self) -> Array:
        """(L, S) mean loss above the minimum over the second half of the evaluations; NaN for a run that left early."""
        return np.array([[_floor(trace) for trace in row] for row in self.table.cells])

    @property
    def small(self) -> NDArray[np.intp]:
        """Indices of the learning rates at which theory says proportional."""
        return np.flatnonzero(self.lrs <= SMALL * self.edge)

    @cached_property
    def exponents(self) -> Array:
        """(S,) slope of ln floor in ln η over the small learning rates, seed by seed."""
        x = np.log(self.lrs[self.small])
        x = x - x.mean()
        return np.asarray(x @ np.log(self.floors[self.small]) / (x @ x))

    @property
    def exponent_in_theory(self) -> float:
        """The same slope of the floors that theory gives, which is 1 up to the 1/(2 − ηλ)."""
        x, y = np.log(self.lrs[self.small]), np.log(self.theory(self.lrs[self.small]))
        x = x - x.mean()
        return float(x @ y / (x @ x))

    def exponent(self, confidence: float) -> tuple[float, tuple[float, float]]:
        """Mean exponent over the seeds and its t-interval."""
        return float(self.exponents.mean()), t_interval(self.exponents, confidence)

    def ratio(self, confidence: float) -> tuple[float, tuple[float, float]]:
        """Measured over theoretical floor, geometric mean over all learning rates, with a t-interval over seeds."""
        logs = (np.log(self.floors) - np.log(self.theory(self.lrs))[:, None]).mean(axis=0)
        low, high = t_interval(logs, confidence)
        return float(np.exp(logs.mean())), (float(np.exp(low)), float(np.exp(high)))


def _floor(trace: Trace | None) -> float:
    if trace is None or trace.outcome.diverged:
        return float("nan")
    column = trace.evaluations[GAP]
    return float(column[len(column) // 2 :].mean())
