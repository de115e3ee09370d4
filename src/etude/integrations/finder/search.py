"""The search: a ramp, scouts, longer runs around the best, other orders of the batches, the edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np

from etude.analysis.finder.ramp import Ramp, RampReading, has_exploded, level, read_ramp
from etude.analysis.finder.runs import Best, ShortRun, curve_of, edge_of, find_best, tied
from etude.core.message import Message
from etude.core.schedule import Schedule
from etude.core.trace import Array
from etude.integrations.finder.lengths import Lengths
from etude.integrations.finder.planned import multipliers
from etude.integrations.finder.stage import Stage

RAMP_FROM, RAMP_TO = 1e-8, 100.0
_SCOUT_GAP, _GAP = 0.5, 0.25  # decades
_ORDERS = 3
_FLAT = 2.5  # decades: an interval as wide says nothing
_EDGE_RATIO = 10**0.125
_WALK = 8
_FOR_EDGE = 2  # runs that are kept for it: in noise every run of the budget would find another neighbour to repeat


@final
@dataclass(eq=False)
class Search:
    """What was run, in the order in which it was run, and what it says.

    Attributes:
        ramp: The ramp.
        reading: What the ramp shows.
        scouts: Short runs.
        runs: Runs that decide.
        best: The best learning rate at the length of ``runs``, or ``None``.
        edge: Largest η below the edge and smallest beyond it, each ``None`` where it is not known.
        objection: Why there is no answer, or ``None``.
    """

    ramp: Ramp
    reading: RampReading
    scouts: list[ShortRun] = field(default_factory=list)
    runs: list[ShortRun] = field(default_factory=list)
    best: Best | None = None
    edge: tuple[float | None, float | None] = (None, None)
    objection: Message | None = None

    @staticmethod
    def nothing() -> Search:
        """A search in which nothing was run."""
        none = np.empty(0)
        return Search(Ramp(none, none), RampReading(np.nan, np.nan, 0.0, np.nan, np.nan, None))


def search(stage: Stage, plan: Lengths, schedule: Schedule | None = None) -> Search:
    """Run everything; the stage must be open. All runs but the ramp go through the schedule."""
    lrs = np.geomspace(RAMP_FROM, RAMP_TO, plan.ramp)
    losses, _ = stage.run(lrs, 0, lambda seen: _stops_a_ramp(seen))
    ramp = Ramp(lrs[: len(losses)], losses)
    found = Search(ramp, read_ramp(ramp))
    found.objection = found.reading.objection
    if stage.updates == 0:
        found.objection = Message("find.no_update")
    if found.objection is None:
        _confirm(found, stage, plan, schedule)
    return found


def _confirm(found: Search, stage: Stage, plan: Lengths, schedule: Schedule | None) -> None:
    reading, limits = found.reading, (RAMP_FROM, RAMP_TO)
    _, judged = stage.run(np.empty(0), 0, lambda _: False)  # the state that all runs start from
    before = reading.base if judged is None else judged
    shapes = {steps: multipliers(schedule, steps) for steps in (plan.scout, plan.confirm)}

    def run(lr: float, steps: int, order: int = 0) -> ShortRun:
        losses, judged = stage.run(
            lr * shapes[steps], order, lambda seen: has_exploded(seen, reading.base, reading.noise)
        )
        return ShortRun(lr, order, steps, losses, judged)

    found.scouts = bracket(lambda lr: run(lr, plan.scout), reading.start, _SCOUT_GAP, limits, _WALK)
    if not any(scout.finished for scout in found.scouts):
        found.objection = Message("find.all_explode", {"lr": min(scout.lr for scout in found.scouts)})
        return
    begin = _of_least_value(found.scouts).lr
    left = (plan.budget - stage.steps) // plan.confirm
    found.runs = bracket(lambda lr: run(lr, plan.confirm), begin, _GAP, limits, max(left - _FOR_EDGE, 3))
    _repeat(found, stage, plan, run, _FOR_EDGE)
    _seek_edge(found, stage, plan, run, before)
    _repeat(found, stage, plan, run, 0)
    if any(r.finished for r in found.runs):
        found.best = _closed(find_best(found.runs, before), found.scouts)
    found.objection = _objection(found, limits)


def bracket(
    run: Callable[[float], ShortRun], start: float, gap: float, limits: tuple[float, float], most: int
) -> list[ShortRun]:
    """Go from a learning rate in steps of ``gap`` decades to where both neighbours are worse."""
    tried: dict[int, ShortRun] = {0: run(start)}
    while len(tried) < most:
        places = sorted(tried)
        values = np.array([tried[place].value for place in places])
        if not np.isfinite(values).any():
            wished = [places[0] - 1]
        else:
            equal = tied(values)
            wished = [place for place in (places[equal[0]] - 1, places[equal[-1]] + 1) if place not in tried]
        inside = [p for p in wished if limits[0] <= start * 10 ** (p * gap) <= limits[1]]
        if not inside:
            break
        tried[inside[0]] = run(start * 10 ** (inside[0] * gap))
    return [tried[place] for place in sorted(tried)]


def _repeat(found: Search, stage: Stage, plan: Lengths, run: Callable[[float, int, int], ShortRun], kept: int) -> None:
    """The best learning rate and its neighbours in other orders of the batches, as far as the budget goes but ``kept`` runs.

    Which one is best may change with every run, and then other neighbours are needed.
    """
    while stage.steps + (1 + kept) * plan.confirm <= plan.budget and any(r.finished for r in found.runs):
        lrs, values = curve_of(found.runs)
        equal = tied(values)
        best, first, last = int(np.argmin(values)), equal[0], equal[-1]
        lower = lrs[first - 1] if first > 0 else lrs[first] / 10**_GAP
        upper = lrs[last + 1] if last + 1 < len(lrs) else lrs[last] * 10**_GAP
        done = {(r.lr, r.order) for r in found.runs}
        wished = ((float(lr), order) for order in range(_ORDERS) for lr in (lrs[best], lower, upper))
        missing = next((pair for pair in wished if pair not in done), None)
        if missing is None:
            return
        found.runs.append(run(missing[0], plan.confirm, missing[1]))


def _seek_edge(
    found: Search, stage: Stage, plan: Lengths, run: Callable[[float, int], ShortRun], before: float
) -> None:
    """Halve the gap between the largest sound learning rate and the smallest beyond the edge, as far as the budget goes."""
    finished = [r for r in found.runs if r.finished]
    if not finished:
        return
    best = _of_least_value(finished).lr
    while True:
        # What explodes in a scout's few steps does so in more of the same steps.
        first = [*(r for r in found.runs if r.order == 0), *(s for s in found.scouts if not s.finished)]
        found.edge = edge_of(first, before, best)
        below, beyond = found.edge
        if below is None or stage.steps + plan.confirm > plan.budget:
            return
        if beyond is not None and beyond / below <= _EDGE_RATIO:
            return
        found.runs.append(run(float(np.sqrt(below * (beyond or 10 * below))), plan.confirm))


def _closed(best: Best, scouts: list[ShortRun]) -> Best:
    """A best one at the end of what was run still lies before the next scout that was worse than the best scout.

    Noise may put it at an end when the budget is spent; what bounds it is then that scout, and the interval ends there.
    """
    if best.inside:
        return best
    least = _of_least_value(scouts)
    above = [s.lr for s in scouts if s.lr > max(best.lr, least.lr)]
    below = [s.lr for s in scouts if s.lr < min(best.lr, least.lr)]
    if not (above and below):
        return best
    return replace(best, low=min(best.low, max(below)), high=max(best.high, min(above)), inside=True)


def _objection(found: Search, limits: tuple[float, float]) -> Message | None:
    best = found.best
    if best is None:
        return Message("find.all_explode", {"lr": min(r.lr for r in found.runs)})
    tail = max(len(found.runs[0].losses) // 4, 1)
    noise = found.reading.noise * np.sqrt(1 / tail + 1 / 10)
    if best.descent <= max(2 * noise, 1e-6 * abs(found.reading.base)) and found.runs[0].judged is None:
        return Message("find.no_descent", {"descent": best.descent, "noise": float(noise)})
    if np.log10(best.high / best.low) > _FLAT:
        return Message("find.flat", {"low": best.low, "high": best.high})
    if not best.inside:
        end = "above" if best.lr >= max(r.lr for r in found.runs) / 1.01 else "below"
        return Message(f"find.open_{end}", {"lr": best.lr, "limit": limits[1] if end == "above" else limits[0]})
    return None


def _of_least_value(runs: list[ShortRun]) -> ShortRun:
    return min(runs, key=lambda r: r.value)


def _stops_a_ramp(seen: Array) -> bool:
    return has_exploded(seen, *level(seen))
