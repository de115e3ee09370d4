"""Schedules changed value by value: scaled, multiplied, clipped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import Chain, chain


@final
@dataclass(frozen=True, slots=True)
class Scaled:
    r"""A schedule times a number; made by ``scale``.

    .. math:: m(t) = c \, m_0(t), \quad 0 \le t < T_0

    Attributes:
        part: m_0.
        factor: c, finite and not negative.

    Raises:
        SpecError: When ``factor`` is negative or not finite, or ``part`` is no schedule.
    """

    part: Schedule
    factor: float

    def __post_init__(self) -> None:
        checks.part(self.part)
        object.__setattr__(self, "factor", checks.multiplier(self.factor, "factor"))

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        return self.part.steps

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return self.factor * self.part(t)


@final
@dataclass(frozen=True, slots=True)
class Product:
    r"""Schedules of one length multiplied step by step; made by ``product``.

    .. math:: m(t) = \prod_i m_i(t), \quad 0 \le t < T

    Attributes:
        factors: Two or more schedules of equal length T.

    Raises:
        SpecError: When there are fewer than two factors, their lengths differ, or one is no schedule.
    """

    factors: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        lengths = [checks.part(f).steps for f in self.factors]
        if len(lengths) < 2:
            raise SpecError(f"needs two or more factors, got {len(lengths)}: use the schedule itself")
        if len(set(lengths)) > 1:
            raise SpecError(f"needs factors of one length, got {lengths} steps: chain a Constant to the shorter ones")

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        return self.factors[0].steps

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return math.prod(factor(t) for factor in self.factors)


@final
@dataclass(frozen=True, slots=True)
class Clipped:
    r"""A schedule kept between two bounds; made by ``clip``.

    .. math:: m(t) = \min(\max(m_0(t), a), b), \quad 0 \le t < T_0

    Attributes:
        part: m_0.
        low: a, the smallest multiplier [1 = peak learning rate].
        high: b, the largest, at least ``low``.

    Raises:
        SpecError: When a bound is negative or not finite, ``low`` > ``high``, or ``part`` is no schedule.
    """

    part: Schedule
    low: float
    high: float

    def __post_init__(self) -> None:
        checks.part(self.part)
        object.__setattr__(self, "low", checks.multiplier(self.low, "low"))
        object.__setattr__(self, "high", checks.multiplier(self.high, "high"))
        if self.low > self.high:
            raise SpecError(f"needs low <= high, got {self.low} and {self.high}: swap them")

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        return self.part.steps

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return min(max(self.part(t), self.low), self.high)


def scale(schedule: Schedule, factor: float) -> Schedule:
    """Multiply every value of a schedule by a number.

    Distributes over chains: ``scale(chain(a, b), c) == chain(scale(a, c), scale(b, c))``.

    Args:
        schedule: What is scaled.
        factor: Finite and not negative.

    Returns:
        A ``Scaled``, or a ``Chain`` of them.

    Raises:
        SpecError: When ``factor`` is negative or not finite, or ``schedule`` is no schedule.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> half = scale(Linear(1.0, 0.0, 2), 0.5)
        >>> [half(t) for t in range(half.steps)]
        [0.5, 0.25]
    """
    if isinstance(schedule, Chain):
        return chain(*(scale(part, factor) for part in schedule.parts))
    return Scaled(schedule, factor)


def product(*schedules: Schedule) -> Schedule:
    """Multiply schedules of one length step by step.

    Args:
        *schedules: Two or more of equal length.

    Returns:
        A ``Product``.

    Raises:
        SpecError: When there are fewer than two, their lengths differ, or one is no schedule.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> both = product(Linear(1.0, 0.0, 2), Linear(1.0, 0.0, 2))
        >>> [both(t) for t in range(both.steps)]
        [1.0, 0.25]
    """
    return Product(schedules)


def clip(schedule: Schedule, low: float, high: float = 1.0) -> Schedule:
    """Keep a schedule between two multipliers.

    Args:
        schedule: What is clipped.
        low: Smallest multiplier [1 = peak learning rate].
        high: Largest multiplier; the peak by default.

    Returns:
        A ``Clipped``.

    Raises:
        SpecError: When a bound is negative or not finite, ``low`` > ``high``, or ``schedule`` is no schedule.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> floored = clip(Linear(1.0, 0.0, 4), low=0.4)
        >>> [floored(t) for t in range(floored.steps)]
        [1.0, 0.75, 0.5, 0.4]
    """
    return Clipped(schedule, low, high)
