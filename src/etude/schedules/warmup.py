"""Rising to the peak, as a segment to chain before another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class LinearWarmup:
    r"""Equal strides up to the peak, the first of them already at step 0.

    .. math:: m(t) = (t + 1) / W, \quad 0 \le t < W

    with W = ``steps``. No step trains at a learning rate of 0, and the last one, t = W−1, is exactly at the peak. (The
    other convention in use, t/W, wastes its first step.)

    Attributes:
        steps: Length [optimizer steps], at least 1; a single step is at the peak.

    Raises:
        SpecError: When ``steps`` < 1.

    References:
        Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2. arXiv:1706.02677.
        Ma & Yarats (2021), On the adequacy of untuned warmup for adaptive optimization. arXiv:1910.04209.

    Example:
        >>> [LinearWarmup(4)(t) for t in range(4)]
        [0.25, 0.5, 0.75, 1.0]
    """

    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        return (t + 1) / self.steps


@final
@dataclass(frozen=True, slots=True)
class CosineWarmup:
    r"""Half a cosine up to the peak: gentle at both ends.

    .. math:: m(t) = \tfrac12 (1 - \cos(\pi (t + 1) / W)), \quad 0 \le t < W

    with W = ``steps``. No step is at 0, and the last one is exactly at the peak.

    Attributes:
        steps: Length [optimizer steps], at least 1.

    Raises:
        SpecError: When ``steps`` < 1.

    Example:
        >>> [round(CosineWarmup(4)(t), 3) for t in range(4)]
        [0.146, 0.5, 0.854, 1.0]
    """

    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return 0.5 * (1.0 - math.cos(math.pi * (checks.inside(t, self.steps) + 1) / self.steps))


@final
@dataclass(frozen=True, slots=True)
class GeometricWarmup:
    r"""The same factor at every step, up to the peak.

    .. math:: m(t) = a^{1 - (t + 1)/W}, \quad 0 \le t < W

    with a = ``start``, W = ``steps``. Step 0 is one factor above a, and the last step is exactly at the peak.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        start: a, the multiplier that it rises from [1 = peak learning rate]; positive, 0.01 by default.

    Raises:
        SpecError: When ``steps`` < 1, or ``start`` is not positive and finite.

    Example:
        >>> rise = GeometricWarmup(steps=2, start=0.01)
        >>> [round(rise(t), 3) for t in range(2)]
        [0.1, 1.0]
    """

    steps: int
    start: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "start", checks.positive(self.start, "start"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return float(self.start ** (1.0 - (checks.inside(t, self.steps) + 1) / self.steps))


@final
@dataclass(frozen=True, slots=True)
class ExponentialWarmup:
    r"""Closes the same share of the gap to the peak at every step.

    .. math:: m(t) = 1 - e^{-(t + 1)/\tau}, \quad 0 \le t < W

    with τ = ``timescale``, W = ``steps``. It never quite arrives: after W steps e^{−W/τ} is missing, 0.7 % at W = 5τ.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        timescale: τ [optimizer steps], positive.

    Raises:
        SpecError: When ``steps`` < 1, or ``timescale`` is not positive and finite.

    References:
        Ma & Yarats (2021), On the adequacy of untuned warmup for adaptive optimization, eq. 13. arXiv:1910.04209.

    Example:
        >>> rise = ExponentialWarmup(steps=3, timescale=1)
        >>> [round(rise(t), 3) for t in range(3)]
        [0.632, 0.865, 0.95]
    """

    steps: int
    timescale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "timescale", checks.positive(self.timescale, "timescale"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return -math.expm1(-(checks.inside(t, self.steps) + 1) / self.timescale)


def warmup(steps: int) -> LinearWarmup:
    """The usual warm-up: (t+1)/W over W = ``steps`` steps.

    Args:
        steps: W, its length [optimizer steps], at least 1.

    Returns:
        A segment to chain before another.

    Raises:
        SpecError: When ``steps`` < 1.

    Example:
        >>> from etude.schedules.chain import chain
        >>> from etude.schedules.cosine import Cosine
        >>> whole = chain(warmup(2), Cosine(1.0, 0.0, 2))
        >>> [round(whole(t), 3) for t in range(whole.steps)]
        [0.5, 1.0, 1.0, 0.5]
    """
    return LinearWarmup(steps)
