"""How a search divides the steps that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

BUDGET = 1000
_FEWEST_STEPS = 5


@final
@dataclass(frozen=True)
class Lengths:
    """How many steps each part of the search takes.

    Attributes:
        ramp: Of the ramp.
        scout: Of the runs that find the region.
        confirm: Of the runs that decide.
        budget: Of everything together; parts that no longer fit are left out, never begun and cut.
    """

    ramp: int
    scout: int
    confirm: int
    budget: int


def lengths(budget: int, horizon: int | None) -> Lengths:
    """Split a budget: a tenth for the ramp, a fourteenth for each deciding run, a third of that for each scout.

    Runs are never longer than the horizon that the answer is for.

    Example:
        >>> lengths(1000, None)
        Lengths(ramp=100, scout=23, confirm=71, budget=1000)
    """
    confirm = max(_FEWEST_STEPS, min(budget // 14, horizon or budget))
    return Lengths(max(budget // 10, 50), max(_FEWEST_STEPS, confirm // 3), confirm, budget)
