"""How the best learning rate falls with the number of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Drift:
    """How the best learning rate falls with the horizon.

    Attributes:
        exponent: α.
        error: Half of the width of the interval that α lies in.
    """

    exponent: float
    error: float


USUAL = Drift(0.15, 0.3)
"""Between 70 and 400 steps, dense sweeps of three small tasks gave −0.2 (digits, which are learned by heart), 0.2 and 0.4
(Fashion-MNIST, where the noise of batches decides). So α is not one number, and its error is as wide as that."""


def carried(lr: float, steps: int, horizon: int, exponent: float) -> float:
    r"""The best learning rate of ``steps`` steps, carried over to a longer horizon.

    .. math:: \eta^*(T) = \eta^*(n)\,(n/T)^{\alpha}

    Example:
        >>> round(carried(0.1, 100, 10_000, exponent=0.5), 6)
        0.01
    """
    return lr * math.pow(steps / horizon, exponent)


def carried_interval(low: float, high: float, steps: int, horizon: int, drift: Drift) -> tuple[float, float]:
    """An interval carried over to a horizon, widened by what is not known of the exponent.

    Example:
        >>> carried_interval(0.1, 0.2, 80, 80, USUAL)
        (0.1, 0.2)
    """
    if math.isclose(steps, horizon):
        return low, high
    return (
        carried(low, steps, horizon, drift.exponent + drift.error),
        carried(high, steps, horizon, drift.exponent - drift.error),
    )
