"""Half a period of a cosine: slow, fast, slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Cosine:
    r"""Half a cosine from ``start`` towards ``stop``.

    .. math:: m(t) = b + \tfrac12 (a - b) (1 + \cos(\pi t / T)), \quad 0 \le t < T

    with a = ``start``, b = ``stop``, T = ``steps``. Half-open: ``stop`` is where the next segment would begin, so a
    decay to 0 spends no step at a learning rate of 0. (``torch.optim.lr_scheduler.CosineAnnealingLR`` has the same
    values on these T steps, and rises again after them.)

    Attributes:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached at ``steps`` [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.

    Raises:
        SpecError: When ``steps`` < 1, or a multiplier is negative or not finite.

    References:
        Loshchilov & Hutter (2017), SGDR: stochastic gradient descent with warm restarts, eq. 5. arXiv:1608.03983.

    Example:
        >>> decay = Cosine(start=1.0, stop=0.0, steps=4)
        >>> [round(decay(t), 3) for t in range(4)]
        [1.0, 0.854, 0.5, 0.146]
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
        return self.stop + 0.5 * (self.start - self.stop) * (1.0 + math.cos(math.pi * t / self.steps))
