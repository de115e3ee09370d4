"""Whether fresh gradients still point along the last updates: the mean of a column whose entries depend on one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import stdtrit

from etude.core.trace import Array

MOST_BATCHES = 30
LEAST_BATCHES = 4


@final
@dataclass(frozen=True)
class ColumnMean:
    """The mean of a column of a trace, and how far it can be trusted.

    Attributes:
        mean: Of all entries used.
        error: Its standard error by batch means.
        batches: How many batches that rests on.
        length: Entries of a batch.
    """

    mean: float
    error: float
    batches: int
    length: int

    @property
    def t(self) -> float:
        """Mean over error, to be compared with Student's t at ``batches`` − 1 degrees of freedom."""
        if self.error == 0:
            return float(np.copysign(np.inf, self.mean)) if self.mean else 0.0
        return self.mean / self.error

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval of the mean."""
        half = float(stdtrit(self.batches - 1, 0.5 + confidence / 2)) * self.error
        return self.mean - half, self.mean + half


def column_mean(values: Array) -> ColumnMean | None:
    r"""Mean of a per-step column with a standard error that neighbouring entries may depend on each other.

    The n entries are cut into k = ⌊√n⌋ (at most 30) stretches of equal length; those further apart than the dependence reaches
    have independent means Y, so

    .. math:: \mathrm{error}^2 = \frac{1}{k(k-1)} \sum_j (Y_j - \bar Y)^2

    The standard error of independent entries would be too small by √((1+ρ)/(1−ρ)) for a lag-one correlation ρ. The first
    n mod k entries are left out.

    Its use: of the column g_t · (−u_{t−1}), each fresh gradient against the update before it, a t beyond 5 says that the
    updates still descend when the next batch looks, so longer ones would too; near 0 the updates are as long as the noise or
    the curvature lets them be; clearly below 0 they overshoot.

    Args:
        values: (n,); entries that are not finite are left out.

    Returns:
        The mean; ``None`` from fewer than 16 entries, which make fewer than four stretches.

    References:
        Law & Kelton (2000), Simulation Modeling and Analysis, §9.5.3.

    Example:
        >>> found = column_mean(1 + np.sin(np.arange(100.0)))
        >>> round(found.mean, 2), found.batches, found.t > 5
        (1.0, 10, True)
    """
    known = values[np.isfinite(values)]
    batches = min(MOST_BATCHES, int(np.sqrt(len(known))))
    if batches < LEAST_BATCHES:
        return None
    length = len(known) // batches
    used = known[len(known) - batches * length :]
    means = used.reshape(batches, length).mean(axis=1)
    return ColumnMean(float(used.mean()), float(means.std(ddof=1) / np.sqrt(batches)), batches, length)
