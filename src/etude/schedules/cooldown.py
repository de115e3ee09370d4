"""The last phase of warmup–stable–decay, in the shapes that are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.cosine import Cosine
from etude.schedules.linear import Linear

SHAPES = ("linear", "cosine", "1-sqrt", "1-square")


@final
@dataclass(frozen=True, slots=True)
class PowerCooldown:
    r"""From ``start`` towards ``stop`` as one minus a power of the time passed.

    .. math:: m(t) = a - (a - b) \, (t/T)^k, \quad 0 \le t < T

    with a = ``start``, b = ``stop``, k = ``power``, T = ``steps``. k = ½ is the "1−sqrt" cooldown, which falls fast at
    first; k = 2 is "1−square", which waits. Half-open: ``stop`` is where the next segment would begin.

    Attributes:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached at ``steps`` [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.
        power: k, positive; ½ by default, the shape that the reference found best.

    Raises:
        SpecError: When ``steps`` < 1, a multiplier is negative or not finite, or ``power`` is not positive.

    References:
        Hägele et al. (2024), Scaling laws and compute-optimal training beyond fixed training durations, eq. 1.
        arXiv:2405.18392.

    Example:
        >>> cooldown = PowerCooldown(start=1.0, stop=0.0, steps=4)
        >>> [round(cooldown(t), 3) for t in range(4)]
        [1.0, 0.5, 0.293, 0.134]
    """

    start: float
    stop: float
    steps: int
    power: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", checks.multiplier(self.start, "start"))
        object.__setattr__(self, "stop", checks.multiplier(self.stop, "stop"))
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "power", checks.positive(self.power, "power"))

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        passed = checks.inside(t, self.steps) / self.steps
        return float(self.start - (self.start - self.stop) * passed**self.power)


def cooldown(start: float, stop: float, steps: int, shape: str = "1-sqrt") -> Schedule:
    """A decay by the name of its shape.

    Args:
        start: Multiplier at step 0 [1 = peak learning rate].
        stop: Multiplier approached at ``steps`` [1 = peak learning rate].
        steps: Length [optimizer steps], at least 1.
        shape: ``"linear"``, ``"cosine"``, ``"1-sqrt"`` or ``"1-square"``.

    Returns:
        A ``Linear``, ``Cosine`` or ``PowerCooldown``.

    Raises:
        SpecError: When ``steps`` < 1, a multiplier is negative or not finite, or the shape is unknown.

    Example:
        >>> cooldown(1.0, 0.0, steps=4, shape="linear")
        Linear(start=1.0, stop=0.0, steps=4)
    """
    checks.one_of(shape, SHAPES, "shape")
    if shape == "linear":
        return Linear(start, stop, steps)
    if shape == "cosine":
        return Cosine(start, stop, steps)
    return PowerCooldown(start, stop, steps, power=0.5 if shape == "1-sqrt" else 2.0)
