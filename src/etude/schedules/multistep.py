"""Down a stair at chosen steps."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import final

from etude.core.errors import SpecError
from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class MultiStep:
    r"""Multiplied by ``factor`` at each milestone.

    .. math:: m(t) = \gamma^{\#\{i : s_i \le t\}}, \quad 0 \le t < T

    with γ = ``factor``, s_i the ``milestones``, T = ``steps``. A milestone is the first step that trains with the new
    value. One named twice counts twice; one at 0 lowers even the first step; one beyond the end is never met.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        milestones: Steps, none negative; kept sorted.
        factor: What each milestone multiplies; a tenth by default.

    Raises:
        SpecError: When ``steps`` < 1, a milestone is negative or not whole, or ``factor`` is negative,
            not finite, or grows beyond every float.

    References:
        He et al. (2016), Deep residual learning for image recognition, section 4.2. arXiv:1512.03385.

    Example:
        >>> decay = MultiStep(steps=5, milestones=(2, 4), factor=0.5)
        >>> [decay(t) for t in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    steps: int
    milestones: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "milestones", tuple(sorted(_milestone(m) for m in self.milestones)))
        object.__setattr__(self, "factor", checks.multiplier(self.factor, "factor"))
        checks.power(self.factor, len(self.milestones))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        return float(self.factor ** bisect_right(self.milestones, t))


def _milestone(step: int) -> int:
    if step == 0:
        return 0
    if step < 0:
        raise SpecError(f"needs milestones >= 0, got {step}: steps count from 0")
    return checks.length(step, "milestones")
