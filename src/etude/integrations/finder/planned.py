"""The schedule that is planned, played by runs that are much shorter than the plan."""

from __future__ import annotations

import numpy as np

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.core.trace import Array
from etude.schedules.notation import parse_schedule
from etude.schedules.replan import Stretched


def planned(schedule: str | Schedule | None, steps: int | None) -> Schedule | None:
    """The schedule over all of the planned steps; ``None`` where none is planned.

    Raises:
        SpecError: When the notation cannot be read, its steps are not given, or it has others.
    """
    if schedule is None:
        return None
    if isinstance(schedule, str):
        if steps is None:
            raise SpecError(f"got schedule {schedule!r} without steps: pass the number of steps that you plan to train")
        return parse_schedule(schedule, steps)
    if not isinstance(schedule, Schedule):
        raise SpecError(
            f"a schedule is text such as 'warmup(5%) > cosine' or one of etude.schedules, got {type(schedule).__name__}: "
            "write it as one of these"
        )
    if steps is not None and steps != schedule.steps:
        raise SpecError(f"got steps = {steps} but a schedule of {schedule.steps} steps: leave steps out")
    return schedule


def multipliers(schedule: Schedule | None, steps: int) -> Array:
    """Multipliers (n,) of a run that goes through the whole schedule in n steps; 1 without a schedule.

    Example:
        >>> from etude.schedules import Linear
        >>> multipliers(Linear(1, 0, 100), 4).tolist()
        [1.0, 0.75, 0.5, 0.25]
    """
    if schedule is None:
        return np.ones(steps)
    played = Stretched(schedule, 0, steps)
    return np.array([played(t) for t in range(steps)])


def named(schedule: str | Schedule | None) -> str | None:
    """What the reader calls it."""
    return schedule if schedule is None or isinstance(schedule, str) else type(schedule).__name__
