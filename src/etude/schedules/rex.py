"""Late to fall: the reflected exponential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Rex:
    r"""From ``start`` towards ``stop``, above the straight line and steepest at the end.

    .. math:: m(t) = b + (a - b) \, \frac{1 - p}{1 - p/2}, \quad p = t/T, \quad 0 \le t < T

    with a = ``start``, b = ``stop``, T = ``steps``. Half-open: ``stop`` is where the next segment would begin.

    Attributes:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached at ``steps`` [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.

    Raises:
        SpecError: When ``steps`` < 1, or a multiplier is negative or not finite.

    References:
        Chen, Wolfe & Kyrillidis (2022), REX: revisiting budgeted training with an improved schedule. arXiv:2107.04197.

    Example:
        >>> decay = Rex(start=1.0, stop=0.0, steps=2)
        >>> [round(decay(t), 3) for t in range(2)]
        [1.0, 0.667]
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
        passed = checks.inside(t, self.steps) / self.steps
        return self.stop + (self.start - self.stop) * (1.0 - passed) / (1.0 - passed / 2)
