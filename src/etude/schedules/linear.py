"""Straight lines: decay to nothing, cooldown, ramps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Linear:
    r"""A straight line from ``start`` towards ``stop``.

    .. math:: m(t) = a + (b - a) \, t / T, \quad 0 \le t < T

    with a = ``start``, b = ``stop``, T = ``steps``. Half-open: ``stop`` is where the next segment would begin, so a
    decay to 0 spends no step at a learning rate of 0. (``torch.optim.lr_scheduler.LinearLR`` has the same values on
    these T steps, holds ``stop`` afterwards, and refuses a start of 0.)

    Attributes:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached at ``steps`` [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.

    Raises:
        SpecError: When ``steps`` < 1, or a multiplier is negative or not finite.

    Example:
        >>> decay = Linear(start=1.0, stop=0.0, steps=4)
        >>> [decay(t) for t in range(4)]
        [1.0, 0.75, 0.5, 0.25]
    """

    start: float
    stop: float
    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", checks.multiplier(self.start, "start"))
        object.__setattr__(self, "stop", checks.multiplier(self.stop, "stop"))
        object.__setattr__(self, "steps", checks.length(self.steps))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        return self.start + (self.stop - self.start) * (t / self.steps)
