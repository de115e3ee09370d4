"""A power of the time that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Polynomial:
    r"""From ``start`` towards ``stop`` as a power of the time left, once or in ever longer cycles.

    .. math:: m(t) = b + (a - b) \left(1 - \frac{t}{D_t}\right)^k, \quad 0 \le t < T

    with a = ``start``, b = ``stop``, k = ``power``, T = ``steps``; D_t = T, or with a ``period`` D the end of the
    cycle that t is in: D_t = D (⌊t/D⌋ + 1). Half-open: ``stop`` is where the next segment would begin. Cycle
    n = 1, 2, … begins at b + (a−b)/n^k, as its line is n times as long.

    Attributes:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.
        power: k, positive; 1 is a straight line.
        period: D [optimizer steps], at least 1, or ``None`` for a single decay over ``steps``.

    Raises:
        SpecError: When a length is < 1, a multiplier is negative or not finite, or ``power`` is not positive.

    Example:
        >>> decay = Polynomial(start=1.0, stop=0.0, steps=4, power=2.0)
        >>> [decay(t) for t in range(4)]
        [1.0, 0.5625, 0.25, 0.0625]
        >>> saw = Polynomial(start=1.0, stop=0.0, steps=4, power=1.0, period=2)
        >>> [saw(t) for t in range(4)]
        [1.0, 0.5, 0.5, 0.25]
    """

    start: float
    stop: float
    steps: int
    power: float = 1.0
    period: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", checks.multiplier(self.start, "start"))
        object.__setattr__(self, "stop", checks.multiplier(self.stop, "stop"))
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "power", checks.positive(self.power, "power"))
        if self.period is not None:
            object.__setattr__(self, "period", checks.length(self.period, "period"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        end = self.steps if self.period is None else self.period * (t // self.period + 1)
        return float(self.stop + (self.start - self.stop) * (1.0 - t / end) ** self.power)
