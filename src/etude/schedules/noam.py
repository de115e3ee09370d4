"""The transformer's first schedule, relative to its peak."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Noam:
    r"""A linear rise that meets an inverse square root, with one clock for both.

    .. math:: m(t) = \min\left(\frac{t+1}{W}, \sqrt{\frac{W}{t+1}}\right), \quad 0 \le t < T

    with W = ``warmup``, T = ``steps``. No step is at 0; step W−1 is exactly at the peak. The original is an absolute
    learning rate; its peak is what ``noam_peak`` computes.

    Attributes:
        steps: Length [optimizer steps], at least 1.
        warmup: W, the number of steps up to the peak, at least 1; more than ``steps`` means that it is never reached.

    Raises:
        SpecError: When a length is < 1.

    References:
        Vaswani et al. (2017), Attention is all you need, eq. 3. arXiv:1706.03762.

    Example:
        >>> schedule = Noam(steps=8, warmup=2)
        >>> [round(schedule(t), 3) for t in (0, 1, 7)]
        [0.5, 1.0, 0.5]
    """

    steps: int
    warmup: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "warmup", checks.length(self.warmup, "warmup"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        count = checks.inside(t, self.steps) + 1
        return min(count / self.warmup, math.sqrt(self.warmup / count))


def noam_peak(width: int, warmup: int, factor: float = 1.0) -> float:
    r"""Peak learning rate of the original: factor / √(d W).

    Args:
        width: d, the model's width, at least 1.
        warmup: W [optimizer steps], at least 1.
        factor: Positive; 1 in the paper.

    Raises:
        SpecError: When an argument is out of its range.

    Example:
        >>> round(noam_peak(width=512, warmup=4000), 6)
        0.000699
    """
    area = checks.length(width, "width") * checks.length(warmup, "warmup")
    return checks.positive(factor, "factor") / math.sqrt(area)
