"""Change a plan while it runs, without a jump in the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import chain
from etude.schedules.cooldown import cooldown


@final
@dataclass(frozen=True, slots=True)
class Window:
    r"""A stretch of another schedule, on its own clock; made by ``window``.

    .. math:: m(t) = m_0(s + t), \quad 0 \le t < T

    Attributes:
        part: m_0.
        start: s, its step at which the window begins.
        steps: T, length [optimizer steps], at least 1.

    Raises:
        SpecError: When the window does not lie within the part.
    """

    part: Schedule
    start: int
    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        whole = checks.part(self.part).steps
        if not 0 <= self.start <= whole - self.steps:
            raise SpecError(
                f"needs a window within {whole} steps, got {self.start} to {self.start + self.steps}: shorten it"
            )

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return self.part(self.start + checks.inside(t, self.steps))


@final
@dataclass(frozen=True, slots=True)
class Stretched:
    r"""The rest of another schedule, played slower or faster; made by ``extend`` and ``shorten``.

    .. math:: m(t) = (1 - q) \, m_0(n) + q \, m_0(\min(n + 1, T_0 - 1)), \quad n + q = s + t \, (T_0 - s) / T

    with m_0, T_0 the ``part`` and its length, s = ``start``, T = ``steps``, n whole and 0 ≤ q < 1: between two of the
    part's steps lies a straight line. Step 0 is m_0(s).

    Attributes:
        part: m_0.
        start: s, its step at which this begins.
        steps: T, length [optimizer steps], at least 1.

    Raises:
        SpecError: When ``start`` is no step of the part, or ``steps`` < 1.
    """

    part: Schedule
    start: int
    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", checks.length(self.steps))
        checks.inside(self.start, checks.part(self.part).steps)

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        rest = self.part.steps - self.start
        whole, remainder = divmod(checks.inside(t, self.steps) * rest, self.steps)
        now = self.part(self.start + whole)
        following = self.part(min(self.start + whole + 1, self.part.steps - 1))
        return now + (following - now) * (remainder / self.steps)


def window(schedule: Schedule, start: int, stop: int) -> Schedule:
    """The steps ``start`` … ``stop``−1 of a schedule.

    Returns:
        The schedule itself if that is all of it, else a ``Window``.

    Raises:
        SpecError: When the window is empty or does not lie within the schedule.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> middle = window(Linear(1.0, 0.0, 4), 1, 3)
        >>> [middle(t) for t in range(middle.steps)]
        [0.75, 0.5]
    """
    part = Window(schedule, start, stop - start)
    return schedule if part.steps == schedule.steps else part


def extend(schedule: Schedule, at: int, steps: int) -> Schedule:
    """A longer plan for a run that is at step ``at`` of its plan: what is left is played slower.

    The steps before ``at`` stay as they were, the multiplier at ``at`` stays as planned, and the rest has the same
    shape, stretched to end at ``steps``. At ``at == 0`` the whole plan is stretched.

    Args:
        schedule: The plan so far.
        at: The step that the run makes next.
        steps: The new horizon [optimizer steps], longer than the old one.

    Returns:
        A schedule of ``steps`` steps.

    Raises:
        SpecError: When ``at`` is no step of the plan, or the new horizon is not longer.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> longer = extend(Linear(1.0, 0.0, 4), at=2, steps=6)
        >>> [longer(t) for t in range(6)]
        [1.0, 0.75, 0.5, 0.375, 0.25, 0.25]
    """
    if steps <= schedule.steps:
        raise SpecError(f"needs more than {schedule.steps} steps to extend to, got {steps}: use shorten")
    return _replanned(schedule, at, steps)


def shorten(schedule: Schedule, at: int, steps: int) -> Schedule:
    """A shorter plan for a run that is at step ``at`` of its plan: what is left is played faster.

    Args:
        schedule: The plan so far.
        at: The step that the run makes next.
        steps: The new horizon [optimizer steps], shorter than the old one and longer than ``at``.

    Returns:
        A schedule of ``steps`` steps, the same before ``at`` and as planned at ``at``.

    Raises:
        SpecError: When ``at`` is no step of the new plan, or the new horizon is not shorter.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> shorter = shorten(Linear(1.0, 0.0, 8), at=4, steps=6)
        >>> [shorter(t) for t in range(6)]
        [1.0, 0.875, 0.75, 0.625, 0.5, 0.25]
    """
    if steps >= schedule.steps:
        raise SpecError(f"needs fewer than {schedule.steps} steps to shorten to, got {steps}: use extend")
    return _replanned(schedule, at, steps)


def cool_down_from(schedule: Schedule, at: int, steps: int, shape: str = "1-sqrt", stop: float = 0.0) -> Schedule:
    """Leave the plan at step ``at`` and cool down from there over ``steps`` steps.

    Args:
        schedule: The plan so far.
        at: The step at which the cooldown begins, at the multiplier that was planned for it (at the end of the plan:
            its last multiplier).
        steps: Length of the cooldown [optimizer steps], at least 1.
        shape: ``"linear"``, ``"cosine"``, ``"1-sqrt"`` or ``"1-square"``.
        stop: Multiplier that it approaches [1 = peak learning rate].

    Returns:
        A schedule of ``at + steps`` steps, the same as the plan before ``at``.

    Raises:
        SpecError: When ``at`` is beyond the plan, ``steps`` < 1, or the shape is unknown.

    Example:
        >>> from etude.schedules.constant import Constant
        >>> early = cool_down_from(Constant(100), at=2, steps=2, shape="linear")
        >>> [early(t) for t in range(early.steps)]
        [1.0, 1.0, 1.0, 0.5]
    """
    if not 0 <= at <= schedule.steps:
        raise SpecError(f"needs a step from 0 to {schedule.steps} to cool down from, got {at}: extend the plan first")
    tail = cooldown(schedule(min(at, schedule.steps - 1)), stop, steps, shape)
    return chain(window(schedule, 0, at), tail) if at else tail


def _replanned(schedule: Schedule, at: int, steps: int) -> Schedule:
    if not 0 <= at < min(schedule.steps, steps):
        raise SpecError(
            f"needs a step from 0 to {min(schedule.steps, steps) - 1} to plan anew from, got {at}: "
            "the steps before it are kept"
        )
    tail = Stretched(schedule, at, steps - at)
    return chain(window(schedule, 0, at), tail) if at else tail
