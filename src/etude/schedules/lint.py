"""What is odd about a schedule, before anything is trained with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import final

from etude.core.schedule import Schedule
from etude.schedules.chain import Chain, Repeated
from etude.schedules.pointwise import Scaled

_JUMP = 0.05  # share of the largest multiplier that a join may jump: a smooth join of coarse segments stays below
_LEFT = 0.05  # share of a decay that may be left at the end: half-open segments never play their last value


@final
@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at.

    Attributes:
        rule: ``"zero-step"``, ``"jump"``, ``"minimum"`` or ``"warmup"``.
        step: Where [optimizer steps].
        text: What is odd there, and what to do if it is not meant.
    """

    rule: str
    step: int
    text: str


def lint(schedule: Schedule) -> tuple[Remark, ...]:
    """Look for steps at zero, jumps at joins, a minimum that is never reached, and a very long warm-up.

    A join jumps when the multiplier changes there by more than 5 % of the largest one and by more than twice the change
    from step to step beside it. A minimum counts as reached when at most 5 % of the way to it is left. A warm-up is a
    rise from the first step to the largest multiplier; it is long when it takes more than half of the steps.

    Args:
        schedule: What is looked at; every step is evaluated once.

    Returns:
        Remarks in the order of their steps; none when nothing is odd.

    Example:
        >>> from etude.schedules import Constant, Linear, chain
        >>> [remark.rule for remark in lint(chain(Linear(0.0, 1.0, 60), Constant(40, 0.5)))]
        ['zero-step', 'warmup', 'jump']
    """
    values = [schedule(t) for t in range(schedule.steps)]
    remarks = (*_zeros(values), *_jumps(schedule, values), *_minimum(schedule, values), *_warmup(values))
    return tuple(sorted(remarks, key=lambda remark: remark.step))


def _zeros(values: list[float]) -> Iterator[Remark]:
    at = [t for t, value in enumerate(values) if value == 0.0]
    if not at:
        return
    if at[0] == 0:
        text = "the first step trains at a learning rate of 0 and is wasted"
        remedy = "use warmup, which begins at 1/W"
    else:
        text, remedy = f"step {at[0]} trains at a learning rate of 0", "end the schedule there, or give it a floor"
    more = f", and so do {len(at) - 1} more" if len(at) > 1 else ""
    yield Remark("zero-step", at[0], f"{text}{more}: {remedy}")


def _jumps(schedule: Schedule, values: list[float]) -> Iterator[Remark]:
    high = max(values)
    for join in _joins(schedule):
        before, after = values[join - 1], values[join]
        strides = [abs(values[t + 1] - values[t]) for t in (join - 2, join) if 0 <= t < len(values) - 1]
        if abs(after - before) > max(_JUMP * high, 2 * max(strides, default=0.0)):
            yield Remark(
                "jump",
                join,
                f"the multiplier jumps from {before:.3g} to {after:.3g} where the next segment begins at step {join}: "
                "make one end where the other starts",
            )


def _joins(schedule: Schedule) -> list[int]:
    """First steps of the segments but the first."""
    if isinstance(schedule, Chain):
        return list(accumulate(part.steps for part in schedule.parts[:-1]))
    if isinstance(schedule, Repeated):
        return list(range(schedule.part.steps, schedule.steps, schedule.part.steps))
    return []


def _minimum(schedule: Schedule, values: list[float]) -> Iterator[Remark]:
    last = schedule
    while isinstance(last, Chain | Repeated | Scaled):
        last = last.parts[-1] if isinstance(last, Chain) else last.part
    goal = getattr(last, "stop", getattr(last, "floor", None))
    segment = [last(t) for t in range(last.steps)]
    if goal is None or segment[-1] <= goal + _LEFT * (max(segment) - goal):
        return
    yield Remark(
        "minimum",
        schedule.steps - 1,
        f"the run ends at a multiplier of {values[-1]:.3g} while its last segment goes down to {goal:.3g}: "
        "let a cycle end with the run, or give the decay more steps",
    )


def _warmup(values: list[float]) -> Iterator[Remark]:
    peak = values.index(max(values))
    if (
        2 * (peak + 1) > len(values) > 1
        and all(a <= b for a, b in pairwise(values[: peak + 1]))
        and values[0] < values[peak]
    ):
        yield Remark(
            "warmup",
            peak,
            f"the warm-up takes {peak + 1} of {len(values)} steps, more than half: shorten it",
        )
