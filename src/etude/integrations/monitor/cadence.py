"""How often readings are taken that cost more than a close look: as soon as their share of the time has paid for one."""

from __future__ import annotations

from typing import final

CREDIT_SECONDS = 0.8
"""What readings with a cadence of their own may take beyond theirs, times their part of the budget: half of it or less."""


@final
class Cadence:
    r"""When the next reading is due: as soon as its share of the time pays for it.

    .. math:: \text{spent} + c \le \rho\, T

    with c what one takes, T the seconds of the training so far and ρ the share. The first ones are taken on credit, up to ρ/β
    of ``CREDIT_SECONDS``, each at least twice as late as the one before, so that a short run is seen from end to end.

    Args:
        budget: β, the share of the training's time that all of the monitor may take.
        share: ρ/β, which part of it is for these readings.
        every: Steps from one to the next, if that shall not adapt.

    Attributes:
        spent: Seconds so far.
        taken: Readings so far.

    Example:
        >>> cadence, due = Cadence(budget=0.02, share=0.25), []
        >>> for step in range(200):
        ...     if cadence.due(step, trained=1.0 * step, cost=0.1):
        ...         due.append(step)
        ...         cadence.took(0.1, step)
        >>> due
        [0, 1, 20, 41, 83, 120, 140, 160, 180]
    """

    def __init__(self, budget: float, share: float, every: int | None = None) -> None:
        self.spent = 0.0
        self.taken = 0
        self._rate = share * budget
        self._credit = share * CREDIT_SECONDS
        self._every = every
        self._last = 0

    def due(self, step: int, trained: float, cost: float) -> bool:
        """Whether to take one at a step.

        Args:
            step: The step to come.
            trained: T, seconds of the training without the monitor.
            cost: c, seconds that it is expected to take.
        """
        if self._every is not None:
            return step % self._every == 0
        late = self.taken == 0 or step > 2 * self._last
        return self.pays(trained, cost, on_credit=late)

    def pays(self, trained: float, cost: float, *, on_credit: bool = True) -> bool:
        """Whether seconds to come are paid for."""
        if self._every is not None:
            return True
        return self.spent + cost <= self._rate * trained + on_credit * self._credit

    def took(self, seconds: float, step: int) -> None:
        """Take note of a reading."""
        self.spent += seconds
        self.taken += 1
        self._last = step

    @property
    def cost(self) -> float | None:
        """Seconds that one took so far; ``None`` before the first."""
        return self.spent / self.taken if self.taken else None
