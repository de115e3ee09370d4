"""What is odd about a schedule, before anything is trained with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from etude.core.errors import SpecError
from etude.core.message import Message
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import Chain, Repeated
from etude.schedules.pointwise import Scaled

_JUMP = 0.05  # share of the largest multiplier that a join may jump: a smooth join of coarse segments stays below
_LEFT = 0.05  # share of a decay that may be left at the end: half-open segments never play their last value


@final
@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at.

    Attributes:
        rule: ``"zero-step"``, ``"jump"``, ``"minimum"``, ``"warmup"``, ``"edge"`` or ``"horizon"``.
        step: Where [optimizer steps].
        message: What is odd there, and what to do if it is not meant.
    """

    rule: str
    step: int
    message: Message


def lint(
    schedule: Schedule, *, peak: float = 1.0, edge: float | None = None, epoch: int | None = None, accumulate: int = 1
) -> tuple[Remark, ...]:
    """Look for what is seldom meant.

    - A step at a learning rate of 0.
    - A jump at a join: the multiplier changes there by more than 5 % of the largest one and by more than twice the change
      from step to step beside it.
    - A minimum that is never reached: more than 5 % of the way to it is left in the end.
    - A warm-up, a rise from the first step to the largest multiplier, that takes more than half of the steps.
    - A learning rate beyond the edge.
    - A horizon that seems to count batches although several make one step, or that is no whole number of epochs.

    Args:
        schedule: What is looked at; every step is evaluated once.
        peak: Peak learning rate, positive.
        edge: Learning rate beyond which runs diverge, or ``None`` where it is unknown.
        epoch: Batches of one pass over the data, or ``None`` where they are unknown.
        accumulate: Batches whose gradients make one step, at least 1. Batches that do not fill a last step of an epoch
            are taken to be left out of it.

    Returns:
        Remarks in the order of their steps; none when nothing is odd.

    Raises:
        SpecError: When ``peak`` or ``edge`` is not positive, or ``epoch`` or ``accumulate`` is below 1.

    Example:
        >>> from etude.schedules import Constant, Linear, chain
        >>> [remark.rule for remark in lint(chain(Linear(0.0, 1.0, 60), Constant(40, 0.5)))]
        ['zero-step', 'warmup', 'jump']
        >>> [remark.rule for remark in lint(Linear(1.0, 0.0, 100), peak=0.3, edge=0.25)]
        ['edge']
    """
    values = [schedule(t) for t in range(schedule.steps)]
    remarks = (
        *_zeros(values),
        *_jumps(schedule, values),
        *_minimum(schedule, values),
        *_warmup(values),
        *_edge(values, checks.positive(peak, "peak"), edge),
        *_horizon(values, epoch, _whole("accumulate", accumulate)),
    )
    return tuple(sorted(remarks, key=lambda remark: remark.step))


def steps_of_epoch(batches: int, accumulate: int = 1) -> int:
    """Optimizer steps of an epoch of ``batches``, of which ``accumulate`` make one step; what is left over makes none.

    Raises:
        SpecError: When either is below 1.

    Example:
        >>> steps_of_epoch(103, accumulate=4)
        25
    """
    return max(_whole("epoch", batches) // _whole("accumulate", accumulate), 1)


def _whole(what: str, value: int) -> int:
    if value < 1:
        raise SpecError(f"needs {what} >= 1, got {value}: it counts batches")
    return value


def _zeros(values: list[float]) -> Iterator[Remark]:
    at = [t for t, value in enumerate(values) if value == 0.0]
    if not at:
        return
    step, more = at[0], len(at) - 1
    if step == 0:
        message = (
            Message("schedule.lint.zero_first_and_more", {"more": more})
            if more
            else Message("schedule.lint.zero_first", {})
        )
    elif more:
        message = Message("schedule.lint.zero_and_more", {"step": step, "more": more})
    else:
        message = Message("schedule.lint.zero", {"step": step})
    yield Remark("zero-step", step, message)


def _jumps(schedule: Schedule, values: list[float]) -> Iterator[Remark]:
    high = max(values)
    for join in _joins(schedule):
        before, after = values[join - 1], values[join]
        strides = [abs(values[t + 1] - values[t]) for t in (join - 2, join) if 0 <= t < len(values) - 1]
        if abs(after - before) > max(_JUMP * high, 2 * max(strides, default=0.0)):
            yield Remark("jump", join, Message("schedule.lint.jump", {"before": before, "after": after, "step": join}))


def _joins(schedule: Schedule) -> list[int]:
    """First steps of the segments but the first."""
    if isinstance(schedule, Chain):
        return list(itertools.accumulate(part.steps for part in schedule.parts[:-1]))
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
    message = Message("schedule.lint.minimum", {"last": values[-1], "goal": goal})
    yield Remark("minimum", schedule.steps - 1, message)


def _warmup(values: list[float]) -> Iterator[Remark]:
    peak = values.index(max(values))
    if (
        2 * (peak + 1) > len(values) > 1
        and all(a <= b for a, b in itertools.pairwise(values[: peak + 1]))
        and values[0] < values[peak]
    ):
        yield Remark("warmup", peak, Message("schedule.lint.warmup", {"warmup": peak + 1, "steps": len(values)}))


def _edge(values: list[float], peak: float, edge: float | None) -> Iterator[Remark]:
    if edge is None:
        return
    high = max(values)
    if peak * high > checks.positive(edge, "edge"):
        step = values.index(high)
        message = Message("schedule.lint.edge", {"lr": peak * high, "step": step, "edge": edge, "most": edge / high})
        yield Remark("edge", step, message)


def _horizon(values: list[float], epoch: int | None, accumulate: int) -> Iterator[Remark]:
    """The horizon against what the run makes of it; said of the step where the run would end."""
    steps = len(values)
    if epoch is not None:
        yield from _epochs(values, epoch, accumulate)
    elif 1 < accumulate <= steps:
        end = steps // accumulate
        message = Message(
            "schedule.lint.accumulate",
            {"steps": steps, "all": steps * accumulate, "accumulate": accumulate, "end": end, "left": values[end]},
        )
        yield Remark("horizon", end, message)


def _epochs(values: list[float], batches: int, accumulate: int) -> Iterator[Remark]:
    steps, epoch = len(values), steps_of_epoch(batches, accumulate)
    whole, over = divmod(steps, epoch)
    passes, partly = divmod(steps, batches)
    end = passes * epoch
    if not partly and end < steps:
        message = Message(
            "schedule.lint.batches",
            {"steps": steps, "passes": passes, "batches": batches, "accumulate": accumulate, "end": end,
             "left": values[end], "epochs": steps / epoch},
        )  # fmt: skip
        yield Remark("horizon", end, message)
    elif whole == 0:
        message = Message("schedule.lint.part_of_an_epoch", {"steps": steps, "epoch": epoch})
        yield Remark("horizon", steps - 1, message)
    elif over:
        before = whole * epoch
        message = Message(
            "schedule.lint.epochs",
            {"steps": steps, "epochs": steps / epoch, "epoch": epoch, "before": before, "after": before + epoch},
        )
        yield Remark("horizon", before, message)
