r"""How fast a loss curve falls towards its minimum: its rate, and when there is none.

Where the descent is linear, L_t − L* = c·ρ^{2t}, so that ln(L_t − L*) is a straight line of slope 2 ln ρ, with ρ the
factor by which the distance from the minimum shrinks per step. Before that faster directions still count; after it, rounding
does; and with noise it never is. The fit keeps to what is between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from etude.core.message import Message
from etude.core.trace import Array

ROUNDING = 1e-12
"""Loss above the minimum, relative to the larger of start and minimum, below which float64 sums are mostly rounding."""

PIECES = 4
"""Parts of the fitted stretch whose own slopes tell whether it is straight: enough to see it bend, each long enough."""

FEWEST = 12
"""Steps of the fitted stretch, so that a piece has three: runs far beyond the edge last no longer."""

BEND = 0.1
"""Relative spread of the pieces' slopes above which the curve is not straight, and twice the share by which means may fall
faster or slower than their envelope. The heavy ball at its optimum bends by 1/t for ever, which after a hundred steps is half
of this; a curve that ends on a noise floor is far above."""


STILL = 0.1
"""Share by which each of the last two quarters of a run must be lower than the one before to count as falling."""


@dataclass(frozen=True)
class Rate:
    """A measured rate.

    Attributes:
        value: ρ, factor per step on the distance from the minimum; above 1 the loss grows.
        low: Smallest of the slopes of the four quarters of the stretch, as a rate.
        high: Largest of them.
        start: First step of the stretch.
        stop: One past its last.
    """

    value: float
    low: float
    high: float
    start: int
    stop: int

    @property
    def decay(self) -> float:
        """−ln ρ: share of the distance that a step takes away, where it is small."""
        return -math.log(self.value)


def fit_rate(losses: Array, minimum: float) -> Rate | Message:
    r"""Fit ln(L_t − L*) by a line over the second half of the usable steps.

    Usable are the steps until the loss stays within ``ROUNDING`` of the minimum. Oscillations (complex roots, as the heavy
    ball has) dip far below the line, so the fitted curve is the envelope max_{s ≥ t}(L_s − L*) where the loss falls, up to its
    last peak, and max_{s ≤ t}(L_s − L*) where it grows. The value is the slope of a line through the envelope; its range is
    that of the slopes of the four quarters of the stretch, which is a measure of straightness, no sampling interval:
    full-batch descent has no chance in it.

    Steps meet an oscillation whose period is almost a whole number of them at phases that drift slowly, so that the envelope
    can be straight and yet of another slope. Means over many steps hold all phases alike, and have to fall as fast.

    Args:
        losses: L before each step, (T,).
        minimum: L*.

    Returns:
        The rate, or why there is none: too few usable steps, or a curve that is not straight.

    Example:
        >>> losses = 3 * 0.9 ** (2 * np.arange(200.0)) + 1
        >>> found = fit_rate(losses, 1.0)
        >>> round(found.value, 6), found.start, found.stop
        (0.9, 68, 137)
        >>> fit_rate(losses[:20], 1.0).key
        'descent.rate.short'
    """
    gaps = (losses - minimum)[np.isfinite(losses)]
    envelope = _envelope(gaps, ROUNDING * abs(minimum))
    usable, start = len(envelope), len(envelope) // 2
    if usable - start < FEWEST:
        return Message("descent.rate.short", {"steps": usable, "needed": 2 * FEWEST})
    envelope = np.log(envelope[start:])
    slopes = [_slope(piece) for piece in np.array_split(envelope, PIECES)]
    slope = _slope(envelope)
    spread = max(max(slopes) - min(slopes), 2 * abs(_drift(gaps[start:usable], slope))) / max(abs(slope), 1e-300)
    if not spread <= BEND:
        return Message("descent.rate.bent", {"spread": 100 * spread, "most": 100 * BEND})
    low, high = min(*slopes, slope), max(*slopes, slope)
    return Rate(math.exp(slope / 2), math.exp(low / 2), math.exp(high / 2), start, usable)


def falls(losses: Array, minimum: float) -> bool:
    """Whether a loss still falls towards its minimum when the run ends, or has arrived there.

    It does when its largest value above the minimum in each of the last two quarters is at most 90 % of that in the quarter
    before, or within rounding. Beyond the edge a quadratic's loss grows; a logistic one settles to a cycle around the minimum,
    which it may approach from above. A run too short to fall by a tenth in a quarter of its steps says nothing.

    Example:
        >>> falls(0.99 ** np.arange(100.0), 0.0), falls(1.01 ** np.arange(100.0), 0.0), falls(np.ones(100), 0.0)
        (True, False, False)
    """
    gaps = losses - minimum
    quarter = len(gaps) // 4
    if quarter == 0 or not np.isfinite(gaps).all():
        return False
    second, third, last = (gaps[-k * quarter :][:quarter].max() for k in (3, 2, 1))
    arrived = last <= max(ROUNDING * max(abs(minimum), gaps[0]), 1e-300)
    return bool(arrived or (last <= (1 - STILL) * third and third <= (1 - STILL) * second))


def steps_until(losses: Array, minimum: float, share: float) -> float:
    """Steps after which the loss above the minimum stays below a share of its start; +inf when it does not.

    Example:
        >>> steps_until(np.array([5.0, 2.0, 3.0, 1.5, 1.2]), 1.0, 0.3)
        3.0
    """
    gaps = losses - minimum
    above = np.flatnonzero(~(gaps <= share * gaps[0]))
    last = int(above[-1]) if len(above) else -1
    return float(last + 1) if last + 1 < len(gaps) else math.inf


def _envelope(gaps: Array, level: float) -> Array:
    """The envelope of what stands above a level; a curve that still oscillates ends at its last peak, not in a dip."""
    above = np.flatnonzero(gaps > max(level, 1e-300))
    if not len(above):
        return gaps[:0]
    gaps = gaps[: above[-1] + 1]
    quarter = len(gaps) // 4 + 1
    if gaps[-quarter:].max() > gaps[:quarter].max():
        return np.maximum.accumulate(gaps)
    peaks = 1 + np.flatnonzero((gaps[1:-1] >= gaps[:-2]) & (gaps[1:-1] > gaps[2:]))
    still = peaks[peaks >= len(gaps) // 2]
    stop = still[-1] + 1 if len(still) > 1 else len(gaps)
    return np.maximum.accumulate(gaps[:stop][::-1])[::-1]


def _drift(gaps: Array, slope: float) -> float:
    """By how much another slope the means over either half of a stretch have than its envelope.

    The weights are a Hann window's, so that it does not matter at which phase of an oscillation a half begins and ends.
    """
    half = len(gaps) // 2
    level = gaps * np.exp(-slope * np.arange(len(gaps)))
    first, second = (float(np.hanning(half + 2)[1:-1] @ part) for part in (level[:half], level[-half:]))
    return math.log(max(second, 1e-300) / max(first, 1e-300)) / (len(gaps) - half)


def _slope(values: Array) -> float:
    t = np.arange(len(values)) - (len(values) - 1) / 2
    return float(t @ values / (t @ t))
