"""Down a stair at even intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Step:
    r"""Multiplied by ``factor`` after every ``every`` steps.

    .. math:: m(t) = \gamma^{\lfloor t / S \rfloor}, \quad 0 \le t < T

    with γ = ``factor``, S = ``every``, T = ``steps``. The first change is at t = S, so S whole steps are at the peak.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        every: Steps on each stair, at least 1; longer than ``steps`` means that it never changes.
        factor: What each stair multiplies; 0.1 by default, the tenth that step decays have used since AlexNet.

    Raises:
        SpecError: When a length is < 1, or ``factor`` is negative, not finite, or grows beyond every float.

    References:
        Krizhevsky, Sutskever & Hinton (2012), ImageNet classification with deep convolutional neural networks, section 5.

    Example:
        >>> decay = Step(steps=5, every=2, factor=0.5)
        >>> [decay(t) for t in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    steps: int
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "every", checks.length(self.every, "every"))
        object.__setattr__(self, "factor", checks.multiplier(self.factor, "factor"))
        checks.power(self.factor, (self.steps - 1) // self.every)

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        return float(self.factor ** (t // self.every))
