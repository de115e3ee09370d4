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

    .. math:: m(t) = b + (a - b) \left(\tfrac12 (1 + \cos(\pi t / T))\right)^k, \quad 0 \le t < T

    with a = ``start``, b = ``stop``, T = ``steps``, k = ``exponent``. Half-open: ``stop`` is where the next segment would
    begin, so a decay to 0 spends no step at a learning rate of 0. (``torch.optim.lr_scheduler.CosineAnnealingLR`` has
    the values of k = 1 on these T steps, and rises again after them.)

    Attributes:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached at ``steps`` [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.
        exponent: k, positive; 1 is the cosine itself, above 1 it falls earlier.

    Raises:
        SpecError: When ``steps`` < 1, a multiplier is negative or not finite, or ``exponent`` is not positive.

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
    exponent: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", checks.multiplier(self.start, "start"))
        object.__setattr__(self, "stop", checks.multiplier(self.stop, "stop"))
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "exponent", checks.positive(self.exponent, "exponent"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        left = 0.5 * (1.0 + math.cos(math.pi * t / self.steps))
        return float(self.stop + (self.start - self.stop) * left**self.exponent)
