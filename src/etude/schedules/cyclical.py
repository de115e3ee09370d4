"""Triangles between two learning rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from etude.core.errors import SpecError
from etude.schedules import checks

MODES = ("triangular", "triangular2", "exp_range")


@final
@dataclass(frozen=True, slots=True)
class Cyclical:
    r"""Up and down between ``floor`` and the peak, at full height or shrinking.

    .. math:: m(t) = b + (1 - b) \, s(t) \, g(t), \quad 0 \le t < T

    with b = ``floor``; s rises linearly from 0 to 1 over ``up`` steps, falls back over ``down`` steps, and repeats;
    g = 1 (``"triangular"``), 2^{−c} in cycle c = 0, 1, … (``"triangular2"``), or γ^t with γ = ``gamma``
    (``"exp_range"``: t runs through all cycles). Step 0 is at the floor, step ``up`` exactly at the peak times g.

    Attributes:
        steps: Length of the whole [optimizer steps], at least 1.
        up: Length of a rise [optimizer steps], at least 1.
        down: Length of a fall [optimizer steps], at least 1; the same as ``up`` by default.
        floor: b, the lowest multiplier [1 = peak learning rate], at most 1; a quarter by default, the ratio that the
            reference uses.
        mode: How the height changes.
        gamma: Decay per step of ``"exp_range"``, positive and at most 1; the other modes take none.

    Raises:
        SpecError: When an argument is out of its range, the mode is unknown, or it takes no ``gamma``.

    References:
        Smith (2017), Cyclical learning rates for training neural networks, section 3. arXiv:1506.01186.

    Example:
        >>> waves = Cyclical(steps=8, up=2, floor=0.0, mode="triangular2")
        >>> [waves(t) for t in range(8)]
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]
    """

    steps: int
    up: int
    down: int | None = None
    floor: float = 0.25
    mode: str = "triangular"
    gamma: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        object.__setattr__(self, "up", checks.length(self.up, "up"))
        object.__setattr__(self, "down", self.up if self.down is None else checks.length(self.down, "down"))
        object.__setattr__(self, "floor", checks.between(self.floor, 0.0, 1.0, "floor"))
        object.__setattr__(self, "gamma", checks.between(checks.positive(self.gamma, "gamma"), 0.0, 1.0, "gamma"))
        if checks.one_of(self.mode, MODES, "mode") != "exp_range" and self.gamma != 1.0:
            raise SpecError(f"gamma = {self.gamma} has no effect in mode {self.mode}: use mode exp_range")

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return self.floor + (1.0 - self.floor) * wave(self, checks.inside(t, self.steps))


@final
@dataclass(frozen=True, slots=True)
class InverseCycle:
    r"""The momentum that goes with a cyclical learning rate: lowest where the learning rate is highest.

    .. math:: m(t) = 1 - (1 - b) \, s(t) \, g(t), \quad 0 \le t < T

    with b = ``low`` and s, g those of ``cycle``.

    Attributes:
        cycle: The learning rate's schedule.
        low: Lowest multiplier of the largest momentum; 0.8/0.9 by default, as in torch.

    Raises:
        SpecError: When ``low`` is not between 0 and 1.

    Example:
        >>> momentum = InverseCycle(Cyclical(steps=4, up=2, floor=0.0), low=0.5)
        >>> [momentum(t) for t in range(4)]
        [1.0, 0.75, 0.5, 0.75]
    """

    cycle: Cyclical
    low: float = 0.8 / 0.9

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", checks.between(self.low, 0.0, 1.0, "low"))

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        return self.cycle.steps

    def __call__(self, t: int) -> float:
        """Multiplier of the largest momentum at step ``t``."""
        return 1.0 - (1.0 - self.low) * wave(self.cycle, checks.inside(t, self.steps))


def wave(cycle: Cyclical, t: int) -> float:
    """s(t) g(t): height of the wave between the floor (0) and the peak (1)."""
    down = cycle.up if cycle.down is None else cycle.down
    count, since = divmod(t, cycle.up + down)
    height = since / cycle.up if since <= cycle.up else (cycle.up + down - since) / down
    if cycle.mode == "triangular2":
        return math.ldexp(height, -count)
    return height * cycle.gamma**t
