"""How fast a quantity grows from layer to layer or from step to step, in powers of ten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit


@final
@dataclass(frozen=True)
class Growth:
    """Slope of the logarithm of a sequence.

    Attributes:
        rate: Powers of ten per step; NaN from fewer than two positive values.
        error: Its standard error, from the scatter about the line; NaN from fewer than three.
        points: Values it rests on.
    """

    rate: float
    error: float
    points: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval of the rate; (−inf, inf) from fewer than three values."""
        if self.points < 3:
            return -np.inf, np.inf
        half = float(stdtrit(self.points - 2, 0.5 + confidence / 2)) * self.error
        return self.rate - half, self.rate + half


def log_growth(values: ArrayLike) -> Growth:
    r"""Least-squares slope of log₁₀ xₗ against l.

    .. math:: \frac{\sum_l (l - \bar l) \log_{10} x_l}{\sum_l (l - \bar l)^2}

    Args:
        values: x, in order; those that are zero (they may have vanished in rounding) or not finite keep their place l but do
            not count.

    Example:
        >>> growth = log_growth([1.0, 10.0, 100.0])
        >>> round(growth.rate, 9), growth.points
        (1.0, 3)
    """
    x = np.asarray(values, dtype=np.float64)
    place = np.flatnonzero(np.isfinite(x) & (x > 0))
    if len(place) < 2:
        return Growth(np.nan, np.nan, len(place))
    height, distance = np.log10(x[place]), place - place.mean()
    spread = float((distance**2).sum())
    rate = float((distance * height).sum() / spread)
    if len(place) < 3:
        return Growth(rate, np.nan, len(place))
    rest = height - height.mean() - rate * distance
    return Growth(rate, float(np.sqrt((rest**2).sum() / (len(place) - 2) / spread)), len(place))
