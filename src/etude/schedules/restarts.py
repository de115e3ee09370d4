"""Cosines that begin again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.schedules import checks

# A cycle's beginning is a sum of real lengths; a step this near to it, in cycles, is meant to begin it.
_ROUNDING = 1e-9


@final
@dataclass(frozen=True, slots=True)
class CosineRestarts:
    r"""Half cosines one after another, each ``length_factor`` times as long and ``decay`` times as high as the one before.

    .. math:: m(t) = b + \tfrac12 (1 - b) \, d^i \left(1 + \cos \pi \frac{t - B_i}{T_i}\right), \quad B_i \le t < B_{i+1}

    with b = ``floor``, d = ``decay``, T_i = T_0 q^i, B_i = T_0 + … + T_{i−1}, T_0 = ``first``, q = ``length_factor``.
    A cycle is half-open: its first step is at its peak, and the floor is where the next cycle begins, so it is not
    played. Lengths need not be whole. After ``cycles`` cycles, where they are limited, the floor is held.

    Attributes:
        steps: Length of the whole [optimizer steps], at least 1; a cycle that it cuts stays cut.
        first: T_0, length of the first cycle [optimizer steps], at least 1.
        length_factor: q, at least 1; 2 doubles each cycle.
        decay: d, positive and at most 1; 1 restarts at the full peak.
        floor: b, the multiplier that each cycle approaches [1 = peak learning rate], at most 1.
        cycles: How many cycles there are, or ``None`` for as many as fit.

    Raises:
        SpecError: When an argument is out of its range.

    References:
        Loshchilov & Hutter (2017), SGDR: stochastic gradient descent with warm restarts, eq. 5. arXiv:1608.03983.

    Example:
        >>> saw = CosineRestarts(steps=6, first=2, length_factor=2, decay=0.5)
        >>> [round(saw(t), 3) for t in range(6)]
        [1.0, 0.5, 0.5, 0.427, 0.25, 0.073]
    """

    steps: int
    first: float
    length_factor: float = 1.0
    decay: float = 1.0
    floor: float = 0.0
    cycles: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "first", checks.between(self.first, 1.0, math.inf, "first"))
        object.__setattr__(self, "length_factor", checks.between(self.length_factor, 1.0, math.inf, "length_factor"))
        object.__setattr__(self, "decay", checks.between(checks.positive(self.decay, "decay"), 0.0, 1.0, "decay"))
        object.__setattr__(self, "floor", checks.between(self.floor, 0.0, 1.0, "floor"))
        if self.cycles is not None:
            object.__setattr__(self, "cycles", checks.length(self.cycles, "cycles"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        cycle, phase = self._where(checks.inside(t, self.steps))
        if self.cycles is not None and cycle >= self.cycles:
            return self.floor
        return self.floor + 0.5 * (1.0 - self.floor) * self.decay**cycle * (1.0 + math.cos(math.pi * phase))

    def _where(self, t: int) -> tuple[int, float]:
        """Cycle that step ``t`` is in, and its phase there, 0 ≤ phase < 1."""
        if self.length_factor == 1.0:
            cycle = math.floor(t / self.first + _ROUNDING)
            return cycle, max(t / self.first - cycle, 0.0)
        cycle, length, since = 0, self.first, float(t)
        while since / length >= 1.0 - _ROUNDING:
            since -= length
            length *= self.length_factor
            cycle += 1
        return cycle, max(since / length, 0.0)
