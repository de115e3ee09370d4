"""Intervals from few replicates: Wilson, paired t, and a bootstrap of seeds.

Axes: L learning rates, S seeds, B resamples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, ndtri, stdtrit

from etude.core.trace import Array

Counts = NDArray[np.int64]

FEW_SEEDS = 5
"""Below this, resampled seeds repeat themselves too often for their percentiles to mean anything."""


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Score interval of a probability.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    with n = ``trials``, p̂ = ``successes``/n and z the normal quantile of ``confidence``. Unlike p̂ ± z·s.e. it has a
    sensible width at p̂ = 0 and 1, which is where divergence counts nearly always are. No trials: (0, 1).

    References:
        Wilson (1927), Probable inference, J. Am. Stat. Assoc. 22, p. 209.

    Example:
        >>> low, high = wilson_interval(0, 5)
        >>> round(low, 3), round(high, 3)
        (0.0, 0.434)
    """
    if trials == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + confidence / 2))
    p, shrink = successes / trials, z * z / trials
    middle = (p + shrink / 2) / (1 + shrink)
    half = z * np.sqrt(p * (1 - p) / trials + shrink / (4 * trials)) / (1 + shrink)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def t_interval(values: Array, confidence: float = 0.95) -> tuple[float, float]:
    r"""Student's interval of a mean, :math:`\bar d \pm t_{S-1}\, s/\sqrt S`; NaN entries are pairs that were not run.

    Of paired differences it is the paired t-interval. Fewer than two values: (−inf, inf).

    Example:
        >>> low, high = t_interval(np.array([1.0, 2.0, 3.0]))
        >>> round(low, 3), round(high, 3)
        (-0.484, 4.484)
    """
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return -np.inf, np.inf
    half = float(stdtrit(len(known) - 1, 0.5 + confidence / 2) * known.std(ddof=1) / np.sqrt(len(known)))
    middle = float(known.mean())
    return middle - half, middle + half


def resample_seeds(seeds: int, resamples: int, bootstrap_seed: int = 0) -> Counts:
    """How often each seed is drawn in each resample, (B, S); rows sum to ``seeds``.

    One draw serves all learning rates, so the pairing of seeds survives resampling.
    """
    generator = np.random.Generator(np.random.PCG64(bootstrap_seed))
    return generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples).astype(np.int64)


def resampled_means(values: Array, counts: Counts) -> Array:
    r"""Mean over the drawn seeds of each row of ``values`` (L, S), as (B, L).

    NaN entries are runs that do not exist. Some seeds start better than others, so a row that lacks some is not compared
    by its plain mean, but by how it does against the rows that have all seeds,

    .. math:: \bar v_i = \frac{\sum_{s \in S_i} c_s (v_{is} - e_s)}{\sum_{s \in S_i} c_s} + \frac{1}{S} \sum_s c_s e_s

    with c = ``counts``, S_i the seeds that the row has, and e_s the effect of a seed: the median over the complete rows of
    their differences from their means. Without a complete row e = 0. A row of which no drawn seed exists takes all of its
    seeds; one of which no seed exists has the mean +inf, so that it is never the best.

    Example:
        >>> ragged = np.array([[1.0, 2.0, 3.0], [2.0, np.nan, np.nan]])
        >>> resampled_means(ragged, np.ones((1, 3), dtype=np.int64)).tolist()
        [[2.0, 3.0]]
    """
    known = np.isfinite(values)
    complete = known.all(axis=1)
    plain = _means_of_known(values, known, counts)
    if complete.all():
        return plain
    rest = values[complete]
    effect = np.median(rest - rest.mean(axis=1, keepdims=True), axis=0) if len(rest) else np.zeros(values.shape[1])
    relative = values - effect
    own = _means_of_known(relative, known, np.ones((1, values.shape[1]), dtype=np.int64))
    drawn = _means_of_known(relative, known, counts)
    anchored = np.where(np.isfinite(drawn), drawn, own) + (counts @ effect / counts.sum(axis=1))[:, None]
    return np.where(complete, plain, anchored)


def _means_of_known(values: Array, known: NDArray[np.bool_], counts: Counts) -> Array:
    weight = counts @ known.T.astype(np.float64)
    total = counts @ np.where(known, values, 0.0).T
    return np.where(weight > 0, total / np.maximum(weight, 1), np.inf)


def means(values: Array) -> Array:
    """Mean over seeds of each row of ``values`` (L, S), as (L,); +inf where nothing exists."""
    mean: Array = resampled_means(values, np.ones((1, values.shape[1]), dtype=np.int64))[0]
    return mean


def percentile_interval(low: Array, high: Array, seeds: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Expanded percentile interval of B resampled statistics.

    With few replicates the bootstrap distribution is too narrow by :math:`\sqrt{(S-1)/S}` and has normal instead of
    Student tails; both are mended by reading it at the level

    .. math:: \alpha' = \Phi\!\left(-\sqrt{S/(S-1)}\; t_{S-1,\,1-\alpha/2}\right)

    Args:
        low: (B,) statistic, or its lower bound where a resample gives only a range.
        high: (B,) statistic, or its upper bound.
        seeds: S, the number of replicates that were resampled.
        confidence: 1 − α.

    References:
        Hesterberg (2015), What teachers should know about the bootstrap, Am. Stat. 69, §3.3.
    """
    if seeds < 2:
        return -np.inf, np.inf
    quantile = float(stdtrit(seeds - 1, 0.5 + confidence / 2))
    level = float(ndtr(-np.sqrt(seeds / (seeds - 1)) * quantile))
    return _quantile(low, level, "lower"), _quantile(high, 1 - level, "higher")


def resampled_interval(low: Array, high: Array, seeds: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Interval of a statistic that may take any value, from B resamples; arguments as in ``percentile_interval``.

    Below five seeds no resample is rare enough to be a percentile of the wanted level: with three, the most extreme
    one, a single seed drawn thrice, has probability 1/27. Then the resamples give the standard error s alone,

    .. math:: \bar\theta \pm t_{S-1,\,1-\alpha/2}\, \sqrt{S/(S-1)}\; s
    """
    if not 2 <= seeds < FEW_SEEDS:
        return percentile_interval(low, high, seeds, confidence)
    factor = float(stdtrit(seeds - 1, 0.5 + confidence / 2)) * np.sqrt(seeds / (seeds - 1))
    return float(low.mean() - factor * low.std()), float(high.mean() + factor * high.std())


def _quantile(sample: Array, level: float, side: str) -> float:
    ordered = np.sort(sample)
    place = level * (len(ordered) - 1)
    return float(ordered[int(np.floor(place) if side == "lower" else np.ceil(place))])


def rank_correlation_interval(rho: float, points: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Interval of Spearman's rank correlation of so many pairs.

    .. math:: \tanh\left(\operatorname{artanh}\rho \pm z_{1-\alpha/2} \sqrt{\frac{1 + \rho^2/2}{n - 3}}\right)

    with n = ``points``; the whole range [−1, 1] below four pairs.

    References:
        Bonett & Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
        Psychometrika 65, eq. 4.

    Example:
        >>> [round(end, 2) for end in rank_correlation_interval(0.5, 20)]
        [0.05, 0.78]
    """
    if points < 4:
        return -1.0, 1.0
    centre = np.arctanh(np.clip(rho, -1 + 1e-6, 1 - 1e-6))
    half = -ndtri((1 - confidence) / 2) * np.sqrt((1 + rho**2 / 2) / (points - 3))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def block_test(values: Array) -> float:
    r"""Probability of differences between the rows of ``values`` (L, S) as large as these if the rows were alike.

    Friedman's test on the ranks within each seed, in the form of Iman and Davenport, which holds for few seeds:

    .. math:: F = \frac{(S-1)\,\chi^2}{S(L-1) - \chi^2}, \qquad
              \chi^2 = \frac{(L-1)\sum_i (R_i - S(L+1)/2)^2}{\sum_{ij} r_{ij}^2 - SL(L+1)^2/4}

    with ranks r within a seed and their row sums R; F has (L−1, (L−1)(S−1)) degrees of freedom.

    References:
        Iman & Davenport (1980), Approximations of the critical region of the Friedman statistic, Comm. Stat. A 9.
    """
    L, S = values.shape
    ranks = np.stack([_ranks(column) for column in values.T], axis=1)
    between = ((ranks.sum(axis=1) - S * (L + 1) / 2) ** 2).sum()
    within = (ranks**2).sum() - S * L * (L + 1) ** 2 / 4
    if within == 0:
        return 1.0
    chi2 = (L - 1) * between / within
    rest = S * (L - 1) - chi2
    return float(fdtrc(L - 1, (L - 1) * (S - 1), (S - 1) * chi2 / rest)) if rest > 1e-12 * S * L else 0.0


def spearman(a: Array, b: Array) -> float:
    """Rank correlation of two columns without ties to speak of; NaN when fewer than three pairs or no spread."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3:
        return np.nan
    ranks_a, ranks_b = _ranks(a[known]), _ranks(b[known])
    if ranks_a.std() == 0 or ranks_b.std() == 0:
        return np.nan
    return float(np.corrcoef(ranks_a, ranks_b)[0, 1])


def _ranks(values: Array) -> Array:
    """Ranks from 1, ties sharing their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: Array = (last - (count - 1) / 2)[place]
    return ranks
