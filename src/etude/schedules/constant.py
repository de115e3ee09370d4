"""The schedule that does nothing, and the baseline of every other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Constant:
    r"""One multiplier, held.

    .. math:: m(t) = c, \quad 0 \le t < T

    with c = ``value``, T = ``steps``.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        value: Multiplier [1 = peak learning rate]; the peak itself by default.

    Raises:
        SpecError: When ``steps`` < 1, or ``value`` is negative or not finite.

    Example:
        >>> stable = Constant(steps=3)
        >>> [stable(t) for t in range(3)]
        [1.0, 1.0, 1.0]
    """

    steps: int
    value: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "value", checks.multiplier(self.value, "value"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        return self.value
