"""The same factor after the same time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Exponential:
    r"""Multiplied by ``factor`` over every ``period`` steps, smoothly or all at once.

    .. math:: m(t) = r^{t/D} \quad\text{or, as a staircase,}\quad m(t) = r^{\lfloor t/D \rfloor}, \quad 0 \le t < T

    with r = ``factor``, D = ``period``, T = ``steps``. Step 0 is at the peak. With D = T the decay approaches r where
    the next segment would begin. As a staircase over a whole D it is ``Step``.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        factor: r, positive; above 1 it grows.
        period: D [optimizer steps], positive, not necessarily whole; 1 by default, so that r is the factor per step.
        staircase: Whether the exponent is rounded down.

    Raises:
        SpecError: When ``steps`` < 1, ``factor`` or ``period`` is not positive and finite, or it grows
            beyond every float.

    Example:
        >>> decay = Exponential(steps=4, factor=0.25, period=2)
        >>> [decay(t) for t in range(4)]
        [1.0, 0.5, 0.25, 0.125]
        >>> stairs = Exponential(steps=4, factor=0.25, period=2, staircase=True)
        >>> [stairs(t) for t in range(4)]
        [1.0, 1.0, 0.25, 0.25]
    """

    steps: int
    factor: float
    period: float = 1.0
    staircase: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "factor", checks.positive(self.factor, "factor"))
        object.__setattr__(self, "period", checks.positive(self.period, "period"))
        checks.power(self.factor, (self.steps - 1) / self.period)

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        periods = checks.inside(t, self.steps) / self.period
        return float(self.factor ** (math.floor(periods) if self.staircase else periods))
