"""Rising to the peak, as a segment to chain before another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class LinearWarmup:
    r"""Equal strides up to the peak, the first of them already at step 0.

    .. math:: m(t) = (t + 1) / W, \quad 0 \le t < W

    with W = ``steps``. No step trains at a learning rate of 0, and the last one, t = W−1, is exactly at the peak. (The
    other convention in use, t/W, wastes its first step.)

    Attributes:
        steps: Length [optimizer steps], at least 1; a single step is at the peak.

    Raises:
        SpecError: When ``steps`` < 1.

    References:
        Goyal et al. (2017), Accurate, large minibatch SGD, section 2.2. arXiv:1706.02677.
        Ma & Yarats (2021), On the adequacy of untuned warmup for adaptive optimization. arXiv:1910.04209.

    Example:
        >>> [LinearWarmup(4)(t) for t in range(4)]
        [0.25, 0.5, 0.75, 1.0]
    """

    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        checks.inside(t, self.steps)
        return (t + 1) / self.steps


def warmup(steps: int) -> LinearWarmup:
    """The usual warm-up: (t+1)/W over W = ``steps`` steps.

    Args:
        steps: W, its length [optimizer steps], at least 1.

    Returns:
        A segment to chain before another.

    Raises:
        SpecError: When ``steps`` < 1.

    Example:
        >>> from etude.schedules.chain import chain
        >>> from etude.schedules.cosine import Cosine
        >>> whole = chain(warmup(2), Cosine(1.0, 0.0, 2))
        >>> [round(whole(t), 3) for t in range(whole.steps)]
        [0.5, 1.0, 1.0, 0.5]
    """
    return LinearWarmup(steps)
