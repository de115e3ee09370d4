"""What every schedule refuses, in one wording."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from etude.core.errors import SpecError
from etude.core.schedule import Schedule


def length(steps: int, what: str = "steps") -> int:
    """A length [optimizer steps] as a plain int, at least 1.

    Raises:
        SpecError: When it is not a whole number, or below 1.
    """
    try:
        whole = operator.index(steps)
    except TypeError:
        raise SpecError(f"needs {what} to be a whole number, got {steps!r}: round it first") from None
    if whole < 1:
        raise SpecError(f"needs {what} >= 1, got {whole}: leave the segment out")
    return whole


def multiplier(value: float, what: str) -> float:
    """A multiplier [1 = peak learning rate] as a plain float, finite and not negative.

    Equal values get equal types, and so equal content hashes: ``Constant(3, 1)`` and ``Constant(3, 1.0)`` are one.

    Raises:
        SpecError: When it is negative, infinite or NaN.
    """
    if not (math.isfinite(value) and value >= 0):
        raise SpecError(f"needs {what} >= 0 and finite, got {value}: a learning rate never changes its sign")
    return abs(float(value))


def positive(value: float, what: str) -> float:
    """A number as a plain float, finite and above 0.

    Raises:
        SpecError: When it is 0, negative, infinite or NaN.
    """
    if not (math.isfinite(value) and value > 0):
        raise SpecError(f"needs {what} > 0 and finite, got {value}: pass a positive number")
    return float(value)


def power(factor: float, exponent: float) -> None:
    """Check that a factor, applied ``exponent`` times, still is a number.

    Raises:
        SpecError: When it grows beyond every float.
    """
    try:
        float(factor) ** exponent
    except OverflowError:
        raise SpecError(f"a factor of {factor:g} grows beyond every number in {exponent:g} times: lower it") from None


def between(value: float, low: float, high: float, what: str) -> float:
    """A finite number as a plain float, within both bounds.

    Raises:
        SpecError: When it is outside, infinite or NaN.
    """
    if not (math.isfinite(value) and low <= value <= high):
        bounds = f"{what} >= {low:g}" if math.isinf(high) else f"{low:g} <= {what} <= {high:g}"
        raise SpecError(f"needs {bounds} and finite, got {value}: choose a value in that range")
    return abs(float(value))


def one_of(value: str, choices: Sequence[str], what: str) -> str:
    """The value itself, if it is one of the choices.

    Raises:
        SpecError: When it is not; the message lists them.
    """
    if value not in choices:
        raise SpecError(f"needs {what} to be one of {', '.join(choices)}, got {value!r}: choose one of them")
    return value


def part(value: object) -> Schedule:
    """The value itself, if it is a schedule.

    Raises:
        SpecError: When it is anything else.
    """
    if not isinstance(value, Schedule):
        raise SpecError(f"needs a schedule, got {value!r}: wrap a number as Constant(steps, value)")
    return value


def inside(t: int, steps: int) -> int:
    """The step itself, if it lies in 0 … steps−1.

    Raises:
        SpecError: When it does not: a schedule says nothing about steps outside itself.
    """
    if not 0 <= t < steps:
        raise SpecError(f"needs a step from 0 to {steps - 1}, got {t}: chain another segment to go on")
    return t
