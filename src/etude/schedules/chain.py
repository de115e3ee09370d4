"""One schedule after another, and one over and over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks


@final
@dataclass(frozen=True, slots=True)
class Chain:
    r"""The parts one after another, each on its own clock; made by ``chain``.

    .. math:: m(t) = m_i(t - S_i) \quad \text{where } S_i = \sum_{j<i} T_j \le t < S_i + T_i

    with m_i, T_i the i-th of ``parts`` and its length.

    Attributes:
        parts: Two or more schedules, none of them a ``Chain``: equal sequences are then equal records.

    Raises:
        SpecError: When there are fewer than two parts, or a part is a chain or no schedule.
    """

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2 or any(isinstance(checks.part(p), Chain) for p in self.parts):
            raise SpecError("needs two or more parts that are not chains themselves: build it with chain(*parts)")

    @property
    def steps(self) -> int:
        """Length [optimizer steps]: the sum of the parts' lengths."""
        return sum(part.steps for part in self.parts)

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        since = t
        for part in self.parts:
            steps = part.steps
            if 0 <= since < steps:
                return part(since)
            since -= steps
        return float(checks.inside(t, self.steps))  # refuses: no part plays this step


@final
@dataclass(frozen=True, slots=True)
class Repeated:
    r"""One schedule over and over; made by ``repeat``.

    .. math:: m(t) = m_0(t \bmod T_0), \quad 0 \le t < n T_0

    with m_0, T_0 the ``part`` and its length, n = ``times``.

    Attributes:
        part: What is repeated.
        times: How often it plays, at least 1.

    Raises:
        SpecError: When ``times`` < 1, or ``part`` is no schedule.
    """

    part: Schedule
    times: int

    def __post_init__(self) -> None:
        checks.part(self.part)
        object.__setattr__(self, "times", checks.length(self.times, "times"))

    @property
    def steps(self) -> int:
        """Length [optimizer steps]."""
        return self.part.steps * self.times

    def __call__(self, t: int) -> float:
        """Multiplier at step ``t``."""
        return self.part(checks.inside(t, self.steps) % self.part.steps)


def chain(*parts: Schedule) -> Schedule:
    """Play the parts one after another, each on its own clock.

    Associative: chains among the parts are opened, so ``chain(chain(a, b), c) == chain(a, chain(b, c))``.

    Args:
        *parts: One or more schedules.

    Returns:
        The part itself if there is only one, else a ``Chain``.

    Raises:
        SpecError: When there is no part, or a part is no schedule.

    Example:
        >>> from etude.schedules.constant import Constant
        >>> whole = chain(Constant(2), Constant(1, 0.1))
        >>> [whole(t) for t in range(whole.steps)]
        [1.0, 1.0, 0.1]
    """
    opened = tuple(segment for part in parts for segment in (part.parts if isinstance(part, Chain) else (part,)))
    if not opened:
        raise SpecError("needs at least one schedule to chain, got none: pass the segments in the order they play")
    return checks.part(opened[0]) if len(opened) == 1 else Chain(opened)


def repeat(schedule: Schedule, times: int) -> Schedule:
    """Play a schedule ``times`` times: what ``chain`` of that many copies plays, in constant memory.

    Args:
        schedule: What is repeated.
        times: How often, at least 1.

    Returns:
        The schedule itself if ``times`` is 1.

    Raises:
        SpecError: When ``times`` < 1, or ``schedule`` is no schedule.

    Example:
        >>> from etude.schedules.linear import Linear
        >>> saw = repeat(Linear(1.0, 0.0, 2), 2)
        >>> [saw(t) for t in range(saw.steps)]
        [1.0, 0.5, 1.0, 0.5]
    """
    repeated = Repeated(schedule, times)
    return repeated if repeated.times > 1 else schedule
