"""How often a monitor looks closely: as often as its share of the time allows."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import final

MOST_STEPS_APART = 1024
_FIRST = 16
_REMEMBERED = 16
_TRUSTED = 3  # looks before the first change; the very first one allocates what the later ones use again


@final
class Pace:
    r"""Chooses the number of steps k from one close look to the next, a power of two.

    .. math:: k = \left\lceil \frac{c - a}{\beta s - a} \right\rceil

    with s the seconds of a step without the monitor, a what the monitor takes at every step, c what it takes at a step with a
    close look, and β the budget; medians over the last 16 of each, so that one slow moment changes nothing.

    Args:
        budget: β, the share of the training's time that the monitor may take.
        every: k, if it shall not adapt.

    Example:
        >>> pace = Pace(0.02)
        >>> for _ in range(4):
        ...     pace.stepped(training=1.0, own=0.1, looked=True)
        ...     pace.stepped(training=1.0, own=0.0)
        >>> pace.every
        8
    """

    def __init__(self, budget: float, every: int | None = None) -> None:
        self.budget = budget
        self.every = every or _FIRST
        self.training_seconds = 0.0
        self.own_seconds = 0.0
        self._fixed = every is not None
        self._steps: deque[float] = deque(maxlen=_REMEMBERED)
        self._looks: deque[float] = deque(maxlen=_REMEMBERED)
        self._others: deque[float] = deque(maxlen=_REMEMBERED)
        self._looked = 0

    @property
    def share(self) -> float:
        """Share of the training's own time that the monitor has taken so far."""
        return self.own_seconds / self.training_seconds if self.training_seconds else 0.0

    def due(self, step: int) -> bool:
        """Whether to look closely at a step."""
        return step % self.every == 0

    def stepped(self, training: float, own: float, *, looked: bool = False, followed: bool = False) -> None:
        """Take note of a step: the training's own seconds and the monitor's.

        Args:
            training: Seconds that the step took beside the monitor.
            own: Seconds that the monitor took.
            looked: Whether this step was looked at closely.
            followed: Whether it ended the look at the step before, to whose seconds its own are added.
        """
        self.training_seconds += training
        self.own_seconds += own
        self._steps.append(training)
        if looked:
            self._looked += 1
            if self._looked > 1:
                self._looks.append(own)
        elif followed and self._looks:
            self._looks[-1] += own
        else:
            self._others.append(own)
            return
        if not self._fixed and len(self._looks) >= _TRUSTED:
            self.every = self._affordable()

    def _affordable(self) -> int:
        always = median(self._others) if self._others else 0.0
        room = self.budget * median(self._steps) - always
        extra = median(self._looks) - always
        if room * MOST_STEPS_APART <= extra:
            return MOST_STEPS_APART
        return power_of_two(extra / room)


def power_of_two(least: float) -> int:
    """The smallest power of two that is no smaller.

    Example:
        >>> power_of_two(0.3), power_of_two(5.0), power_of_two(8.0)
        (1, 8, 8)
    """
    power = 1
    while power < least:
        power *= 2
    return power
