"""The decay that needs no horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class InverseSqrt:
    r"""Falls with the square root of time.

    .. math:: m(t) = \frac{1}{\sqrt{1 + t/\tau}}, \quad 0 \le t < T

    with τ = ``timescale``, T = ``steps``. Step 0 is at the peak. Chained to a warm-up of W steps, τ = W gives the
    usual √(W/t) of the whole run's clock.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        timescale: τ [optimizer steps], positive: after 3τ steps the multiplier is one half.

    Raises:
        SpecError: When ``steps`` < 1, or ``timescale`` is not positive and finite.

    References:
        Zhai et al. (2022), Scaling vision transformers, section 3.5 (with a timescale). arXiv:2106.04560.

    Example:
        >>> decay = InverseSqrt(steps=9, timescale=1)
        >>> decay(0), decay(3), round(decay(8), 3)
        (1.0, 0.5, 0.333)
    """

    steps: int
    timescale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "timescale", checks.positive(self.timescale, "timescale"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return 1.0 / math.sqrt(1.0 + checks.inside(t, self.steps) / self.timescale)
