"""How often a monitor looks closely: as often as its share of the time allows."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import final

GRACE_SECONDS = 0.1
"""What close looks may take of a run beyond their share, so that the first steps, and short runs, are seen in full."""

MOST_STEPS_APART = 1 << 16
_REMEMBERED = 16
_TRUSTED = 3  # looks before the first decision; the very first one allocates what the later ones use again
_LEAST_SHARE = 0.35  # of the budget for looking, where steps are so short that keeping their loss takes the rest
_NORM_SHARE = 0.5  # of the budget for the gradient's length at every step


@final
class Pace:
    r"""Chooses the number of steps k from one close look to the next, a power of two.

    .. math:: k = \left\lceil \frac{c - a}{\beta s - a} \right\rceil

    with s the seconds of a step without the monitor, a what the monitor takes at every step, c what a close look takes, and β
    the budget; medians over the last 16 of each, so that one slow moment changes nothing. Until ``GRACE_SECONDS`` are
    spent, k is 1. The length of the gradient is read at every step where that takes at most half of the budget.

    Args:
        budget: β, the share of the training's time that the monitor may take.
        every: k, if it shall not adapt.

    Attributes:
        every: k at present.
        fixed: Whether k shall not adapt.
        norms: Whether the gradient's length is read at every step.
        training_seconds: The training's own time so far.
        own_seconds: The monitor's.

    Example:
        >>> pace = Pace(0.02)
        >>> for _ in range(4):
        ...     pace.stepped(1.1, own=0.1, norm=0.005, looked=True)
        ...     pace.stepped(3.0, steps=3, own=0.0)
        >>> pace.every, pace.norms
        (8, True)
    """

    def __init__(self, budget: float, every: int | None = None) -> None:
        self.budget = budget
        self.every = every or 1
        self.norms = True
        self.training_seconds = 0.0
        self.own_seconds = 0.0
        self._looking_seconds = 0.0
        self.fixed = every is not None
        self._steps: deque[float] = deque(maxlen=_REMEMBERED)
        self._looks: deque[float] = deque(maxlen=_REMEMBERED)
        self._others: deque[float] = deque(maxlen=_REMEMBERED)
        self._norm: deque[float] = deque(maxlen=_REMEMBERED)
        self._warm: deque[float] = deque(maxlen=_REMEMBERED)
        self._looked = 0

    @property
    def share(self) -> float:
        """Share of the training's own time that the monitor has taken so far."""
        return self.own_seconds / self.training_seconds if self.training_seconds else 0.0

    def due(self, step: int) -> bool:
        """Whether to look closely at a step."""
        return step % self.every == 0

    def stepped(
        self,
        whole: float,
        own: float,
        norm: float = 0.0,
        *,
        steps: int = 1,
        looked: bool = False,
        followed: bool = False,
        readings: float = 0.0,
    ) -> None:
        """Take note of some steps, of which the last was timed.

        Args:
            whole: Seconds that they took, the monitor's among them.
            own: Seconds of the last one that the monitor took.
            norm: Seconds of these for the gradient's length.
            steps: How many steps; at those before the last the monitor did the least.
            looked: Whether the last was looked at closely.
            followed: Whether it ended the look at the step before, to whose seconds its own are added.
            readings: Seconds that readings took beside, which have cadences of their own.
        """
        others = (steps - 1) * (median(self._others) if self._others else 0.0)
        training = max(whole - own - others - readings, 0.0)
        self.training_seconds += training
        self.own_seconds += own + others + readings
        self._looking_seconds += own + others
        self._steps.append(training / steps)
        if looked:
            self._looked += 1
            if self._looked > 1:
                self._looks.append(own)
                self._warm.append(norm)
        elif followed and self._looks:
            self._looks[-1] += own
        else:
            self._others.append(own)
            if norm:
                self._norm.append(norm)
        if (looked or followed) and len(self._looks) >= _TRUSTED and self._looking_seconds > GRACE_SECONDS:
            self._decide()

    def _decide(self) -> None:
        step = median(self._steps)
        # At a look the gradients lie in the cache already, where reading them takes a fraction of the time.
        norm = median(self._norm or self._warm)
        self.norms = norm <= _NORM_SHARE * self.budget * step
        if self.fixed:
            return
        # While every step is a look, what the others take is not known: the gradient's length, or little.
        always = median(self._others) if self._others else norm * self.norms
        room = max(self.budget * step - always, _LEAST_SHARE * self.budget * step)
        self.every = min(power_of_two((median(self._looks) - always) / room), MOST_STEPS_APART)


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
