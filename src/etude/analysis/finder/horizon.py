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
"""From 71 steps to 800 or 1600 at constant learning rates, dense sweeps of six tasks (MLPs and a CNN, digits and Fashion-MNIST,
SGD and Adam, batches of 16 and 64) gave α from −0.1 to 0.4 by the training loss (mean 0.1) and from 0.1 to 0.8 by the
validation loss (mean 0.35). So α is not one number, and its error is as wide as that. The middle was chosen on the eight
tuning problems of the finder's scoreboard, by the validation loss that its answers reach: α = 0.15 lost 3.2 % of the attainable
range on average, 0.3 lost 2.6 and 0.4 lost 2.0; too low a learning rate costs less than one that is as much too high.

A search could measure an α of its own, between a third of its runs' length and all of it. On the same tasks that scattered by
0.5 from seed to seed, and predicted the later α worse the more it counted: root mean square error 0.32 without it, 0.54 with
half of its weight, 0.81 with all. The first steps of a training are another regime than the later ones. So it is not used."""


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
