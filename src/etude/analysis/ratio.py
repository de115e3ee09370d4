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
    through infinity; b̄ being positive in truth, the part of it with the sign of ā is given, and an infinite end means "as far
    as anyone can tell".

    Args:
        numerators: a, (n,); pairs with a part that is not finite are left out.
        denominators: b, (n,); positive by nature, if not in every estimate.
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


def pooled_q(slopes: Array, curvatures: Array, confidence: float = 0.95) -> tuple[float, tuple[float, float]]:
    r"""How long updates are, relative to the step to the bottom of the parabola along them, from several line probes.

    .. math:: q = -2 \bar c / \bar b

    Near 0 there is no curvature to feel; at 1 the average update ends at the bottom; at 2 as high as it began; beyond, higher.
    An upper end at infinity: it cannot be said whether updates go downhill at all.

    Args:
        slopes: b of each probe, (n,).
        curvatures: c of each probe, (n,).
        confidence: Of the interval.

    Example:
        >>> q, (low, high) = pooled_q(np.array([-1.0, -1.1, -0.9]), np.array([0.5, 0.6, 0.4]))
        >>> round(q, 3), low < 1 < high
        (1.0, True)
    """
    return ratio_of_means(2 * curvatures, -slopes, confidence)


def noise_scale(traces: Array, squares: Array, confidence: float = 0.95) -> tuple[float, tuple[float, float]]:
    r"""The batch size at which noise and signal of the gradient balance, from several estimates of both.

    .. math:: B_\mathrm{simple} = \overline{\mathrm{tr}\,\Sigma} / \overline{|G|^2}

    An upper end at infinity: the signal is not resolved, and the scale may be anything above the lower end.

    Args:
        traces: Estimates of tr Σ, (n,).
        squares: Estimates of |G|², (n,), single ones possibly negative.
        confidence: Of the interval.

    References:
        McCandlish et al. (2018), An empirical model of large-batch training, eq. 2.9. arXiv:1812.06162.

    Example:
        >>> scale, _ = noise_scale(np.array([100.0, 110.0, 90.0]), np.array([1.0, -0.2, 2.2]))
        >>> round(scale, 3)
        100.0
    """
    return ratio_of_means(traces, squares, confidence)


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
