"""Warm-ups whose length follows from Adam's second moment, so that nothing is left to tune."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import final

from etude.core.errors import SpecError
from etude.schedules import checks
from etude.schedules.warmup import ExponentialWarmup, LinearWarmup


@final
@dataclass(frozen=True, slots=True)
class RectifiedWarmup:
    r"""The factor by which RAdam holds back Adam's first steps.

    .. math:: m(t) = \sqrt{\frac{(\rho-4)(\rho-2)\,\rho_\infty}{(\rho_\infty-4)(\rho_\infty-2)\,\rho}}, \quad
        \rho_\infty = \frac{2}{1-\beta_2} - 1, \quad \rho = \rho_\infty - \frac{2 n \beta_2^n}{1 - \beta_2^n}

    with n = t + n_0, where n_0 is the first count with ρ > 4: below it RAdam has no finite variance to rectify. Step 0
    is above 0, and the factor approaches 1.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        beta2: β₂, above 0.6 (else ρ never exceeds 4) and below 1.

    Raises:
        SpecError: When ``steps`` < 1, or β₂ is out of its range.

    References:
        Liu et al. (2020), On the variance of the adaptive learning rate and beyond, algorithm 2. arXiv:1908.03265.

    Example:
        >>> rise = RectifiedWarmup(steps=10_000, beta2=0.999)
        >>> [round(rise(t), 3) for t in (0, 100, 9_999)]
        [0.017, 0.221, 1.0]
    """

    steps: int
    beta2: float = 0.999

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "beta2", float(self.beta2))
        if not 0.6 < self.beta2 < 1 or _degrees_at_last(self.beta2) <= 4.0:
            raise SpecError(f"needs 0.6 < beta2 < 1, got {self.beta2}: below, RAdam never leaves its first phase")

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        limit = _degrees_at_last(self.beta2)
        first = next(n for n in count(1) if _degrees(self.beta2, n) > 4.0)
        rho = _degrees(self.beta2, t + first)
        return math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))


def untuned_linear(beta2: float = 0.999) -> LinearWarmup:
    """The linear warm-up of 2/(1−β₂) steps, rounded.

    Args:
        beta2: Adam's β₂, at least 0 and below 1.

    Raises:
        SpecError: When β₂ is out of its range.

    References:
        Ma & Yarats (2021), On the adequacy of untuned warmup for adaptive optimization, eq. 14. arXiv:1910.04209.

    Example:
        >>> untuned_linear(beta2=0.999)
        LinearWarmup(steps=2000)
    """
    return LinearWarmup(round(2.0 / _gap(beta2)))


def untuned_exponential(steps: int, beta2: float = 0.999) -> ExponentialWarmup:
    """The exponential warm-up with τ = 1/(1−β₂), to be multiplied with a schedule of the same length or chained.

    Args:
        steps: Length [optimizer steps], at least 1.
        beta2: Adam's β₂, at least 0 and below 1.

    Raises:
        SpecError: When ``steps`` < 1, or β₂ is out of its range.

    References:
        Ma & Yarats (2021), On the adequacy of untuned warmup for adaptive optimization, eq. 13. arXiv:1910.04209.

    Example:
        >>> untuned_exponential(steps=500, beta2=0.75)
        ExponentialWarmup(steps=500, timescale=4.0)
    """
    return ExponentialWarmup(steps, 1.0 / _gap(beta2))


def _gap(beta2: float) -> float:
    if not 0 <= beta2 < 1:
        raise SpecError(f"needs 0 <= beta2 < 1, got {beta2}: pass the optimizer's second beta")
    return 1.0 - beta2


def _degrees_at_last(beta2: float) -> float:
    """ρ_∞: what ρ approaches."""
    return 2.0 / (1.0 - beta2) - 1.0


def _degrees(beta2: float, n: int) -> float:
    """ρ: the effective number of gradients in the second moment after n steps."""
    power = beta2**n
    return _degrees_at_last(beta2) - 2.0 * n * power / (1.0 - power)
