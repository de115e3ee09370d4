"""Schedules drawn by hand: through points, or value by value."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from etude.core.errors import SpecError
from etude.schedules import checks

SHAPES = ("linear", "cosine", "hold")


@final
@dataclass(frozen=True, slots=True)
class Points:
    r"""Through given points, with straight lines, half cosines, or stairs between them.

    .. math:: m(t) = v_i + (v_{i+1} - v_i) \, w(p), \quad p = \frac{t - x_i}{x_{i+1} - x_i}, \quad x_i \le t < x_{i+1}

    with w(p) = p (``"linear"``), ½ (1 − cos πp) (``"cosine"``), or 0 (``"hold"``). Before the first point its value
    holds, from the last one on the last value does; every point is met exactly where it lies on a whole step.

    Attributes:
        steps: Length [optimizer steps], at least 1; points may lie beyond it.
        positions: x_i [optimizer steps], increasing, not necessarily whole.
        values: v_i, multipliers [1 = peak learning rate], one for each position.
        shape: What lies between two points.

    Raises:
        SpecError: When there is no point, the positions do not increase, the numbers of positions and values differ,
            a value is negative or not finite, or the shape is unknown.

    Example:
        >>> by_hand = Points(steps=5, positions=(0, 2, 4), values=(0.5, 1.0, 0.0))
        >>> [by_hand(t) for t in range(5)]
        [0.5, 0.75, 1.0, 0.5, 0.0]
    """

    steps: int
    positions: tuple[float, ...]
    values: tuple[float, ...]
    shape: str = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "positions", tuple(float(x) for x in self.positions))
        object.__setattr__(self, "values", tuple(checks.multiplier(v, "values") for v in self.values))
        checks.one_of(self.shape, SHAPES, "shape")
        if not self.positions or len(self.positions) != len(self.values):
            counts = f"{len(self.positions)} and {len(self.values)}"
            raise SpecError(f"needs as many values as positions and at least one, got {counts}: pair them")
        if not all(map(math.isfinite, self.positions)) or any(x >= y for x, y in pairwise(self.positions)):
            raise SpecError(f"needs positions that increase and are finite, got {self.positions}: sort them")

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        after = bisect_right(self.positions, checks.inside(t, self.steps))
        if after in (0, len(self.positions)) or self.shape == "hold":
            return self.values[max(after - 1, 0)]
        (x, y), (v, w) = self.positions[after - 1 : after + 1], self.values[after - 1 : after + 1]
        passed = (t - x) / (y - x)
        return v + (w - v) * (passed if self.shape == "linear" else 0.5 * (1.0 - math.cos(math.pi * passed)))


@final
@dataclass(frozen=True, slots=True)
class Tabulated:
    r"""One value per step, as given; made by ``tabulate`` from any sequence.

    .. math:: m(t) = v_t, \quad 0 \le t < T

    Attributes:
        values: v_t, multipliers [1 = peak learning rate]; T is their number.

    Raises:
        SpecError: When there is no value, or one is negative or not finite.

    Example:
        >>> Tabulated((1.0, 0.5))(1)
        0.5
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(checks.multiplier(v, "values") for v in self.values))
        checks.length(self.steps)

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        return len(self.values)

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return self.values[checks.inside(t, self.steps)]


def tabulate(lrs: Sequence[float], peak_lr: float | None = None) -> Tabulated:
    """Take a schedule from recorded learning rates, such as those of another run's log.

    Args:
        lrs: One learning rate per step.
        peak_lr: What multiplier 1 stands for; the largest of them by default.

    Returns:
        A ``Tabulated``.

    Raises:
        SpecError: When there is no learning rate, or the peak is not positive and finite.

    Example:
        >>> tabulate([0.05, 0.1, 0.05])
        Tabulated(values=(0.5, 1.0, 0.5))
    """
    checks.length(len(lrs))
    peak = checks.positive(max(lrs) if peak_lr is None else peak_lr, "peak_lr")
    return Tabulated(tuple(lr / peak for lr in lrs))
