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


USUAL = Drift(0.4, 0.3)
"""Chosen among 0.15, 0.3 and 0.4 on the tuning problems of the finder's scoreboard, 71 to 300 steps, by the validation loss
that its answers reach. The rule is rough. For the fully connected networks of the scoreboard ``benchmarks/horizon.py``
measured, by validation loss, α from −0.26 to 1.61 (mean 0.51, six of eight within the error) from 71 to 300 steps, and from
0.11 to 1.29 (mean 0.70, four of eight) to 1420 steps; by training loss −0.27 to 0.47.

A search could measure an α of its own, between a third of its runs' length and all of it. There, that predicted the later α
worse the more it counted: root mean square error 0.52 without it, 0.78 with half of its weight, 1.20 with all. The first
steps of a training are another regime than the later ones. So it is not used."""


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
