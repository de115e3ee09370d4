"""The decay that classical theory asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class InverseTime:
    r"""A hyperbola in time.

    .. math:: m(t) = \frac{1}{1 + t/\tau}, \quad 0 \le t < T

    with τ = ``timescale``, T = ``steps``. Step 0 is at the peak, step τ at half of it. Its sum diverges and the sum of
    its squares converges, the conditions of stochastic approximation.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        timescale: τ [optimizer steps], positive.

    Raises:
        SpecError: When ``steps`` < 1, or ``timescale`` is not positive and finite.

    References:
        Robbins & Monro (1951), A stochastic approximation method, eq. 6.

    Example:
        >>> decay = InverseTime(steps=4, timescale=1)
        >>> [round(decay(t), 3) for t in range(4)]
        [1.0, 0.5, 0.333, 0.25]
    """

    steps: int
    timescale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "timescale", checks.positive(self.timescale, "timescale"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return 1.0 / (1.0 + checks.inside(t, self.steps) / self.timescale)
