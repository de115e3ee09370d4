"""Ratios of noisy numbers: average both parts, then divide."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from etude.core.trace import Array


def ratio_of_means(
    numerators: Array, denominators: Array, confidence: float = 0.95
) -> tuple[float, tuple[float, float]]:
    r"""Ratio of two means and Fieller's interval, from n pairs.

    .. math:: \theta = \bar a / \bar b, \qquad
              (\bar a - \theta \bar b)^2 \le t_{n-1}^2\,(v_{aa} - 2 \theta v_{ab} + \theta^2 v_{bb})

    with v the sample (co)variances of the means. The mean of the ratios aᵢ/bᵢ is another number: it is biased by about the
    squared relative error of one bᵢ, whatever n. Where the mean denominator is not resolved from zero, the interval passes
    through infinity; the part of it with the sign of ā is given, and ``inf`` as an end means "as far as anyone can tell".

    Args:
        numerators: a, (n,); pairs with a part that is not finite are left out.
        denominators: b, (n,).
        confidence: Of the interval.

    Returns:
        θ, and the ends of its interval: (−inf, inf) from fewer than two pairs, and where neither mean is resolved from zero.

    References:
        Fieller (1954), Some problems in interval estimation, J. R. Stat. Soc. B 16.

    Example:
        >>> value, (low, high) = ratio_of_means(np.array([5.0, 6.0, 7.0]), np.array([2.0, 3.0, 2.5]))
        >>> round(value, 3), round(low, 2), round(high, 2)
        (2.4, 1.5, 4.21)
    """
    known = np.isfinite(numerators) & np.isfinite(denominators)
    a, b = numerators[known], denominators[known]
    if len(a) == 0:
        return np.nan, (-np.inf, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(a.mean() / b.mean())
    if len(a) < 2:
        return value, (-np.inf, np.inf)
    t2 = float(stdtrit(len(a) - 1, 0.5 + confidence / 2)) ** 2
    (vaa, vab), (_, vbb) = np.cov(a, b) / len(a)
    return value, _fieller(a.mean(), b.mean(), t2 * vaa, t2 * vab, t2 * vbb)


def _fieller(a: float, b: float, vaa: float, vab: float, vbb: float) -> tuple[float, float]:
    """Where θ²(b² − v_bb) − 2θ(ab − v_ab) + (a² − v_aa) <= 0."""
    square, half, constant = b * b - vbb, a * b - vab, a * a - vaa
    root = half * half - square * constant
    if square > 0:
        spread = np.sqrt(max(root, 0.0))
        return float((half - spread) / square), float((half + spread) / square)
    if constant <= 0 or square == 0:
        return -np.inf, np.inf
    ends = sorted(((half - np.sqrt(root)) / square, (half + np.sqrt(root)) / square))
    return (float(ends[1]), np.inf) if a > 0 else (-np.inf, float(ends[0]))
