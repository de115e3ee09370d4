"""What a method's answers cost and lose, by the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.trace import Array
from finding.methods import Search
from finding.truth import Truth

_DRAWN = 5000


@final
@dataclass(frozen=True)
class Score:
    """One method on the problems of one half. Means are over problems, of means over their searches that were answered.

    Attributes:
        method: Its name.
        regret: Mean share of the attainable range that is lost.
        between: 95 % interval of ``regret``, by drawing problems anew.
        worst: Largest regret of a single answer.
        points: Mean accuracy lost [percentage points], over problems that have one.
        worst_points: Largest.
        decades: Mean distance from the best η in log10 η.
        answered: Searches with a learning rate.
        asked: All searches.
        steps: Mean training steps of a search.
        seconds: Mean processor seconds of a search.
    """

    method: str
    regret: float
    between: tuple[float, float]
    worst: float
    points: float
    worst_points: float
    decades: float
    answered: int
    asked: int
    steps: float
    seconds: float


@final
@dataclass(frozen=True)
class Coverage:
    """How good one method's intervals are.

    Attributes:
        method: Its name.
        best: Share of intervals that contain the truth's best η.
        between: 95 % interval of ``best``, by drawing problems anew.
        compatible: Share that has an η in common with the truth's own 95 % interval of its best η.
        width: Mean width [decades].
        answered: Number of intervals.
    """

    method: str
    best: float
    between: tuple[float, float]
    compatible: float
    width: float
    answered: int


def score(searches: Sequence[Search], truths: Mapping[str, Truth]) -> Score:
    """Score the searches of one method; some must have an answer."""
    named = [(s, s.lr, truths[s.problem]) for s in searches if s.lr is not None]
    regrets = [(s.problem, truth.regret(lr)) for s, lr, truth in named]
    points = [(s.problem, lost) for s, lr, truth in named if (lost := truth.points(lr)) is not None]
    decades = [(s.problem, abs(float(np.log10(lr / truth.best)))) for s, lr, truth in named]
    each = by_problem(regrets)
    return Score(
        method=searches[0].method,
        regret=float(each.mean()),
        between=resampled(each),
        worst=max(r for _, r in regrets),
        points=float(by_problem(points).mean()) if points else np.nan,
        worst_points=max((p for _, p in points), default=np.nan),
        decades=float(by_problem(decades).mean()),
        answered=len(named),
        asked=len(searches),
        steps=float(np.mean([s.steps for s in searches])),
        seconds=float(np.mean([s.seconds for s in searches])),
    )


def coverage(searches: Sequence[Search], truths: Mapping[str, Truth]) -> Coverage | None:
    """What the intervals of one method hold, or ``None`` when it gives none."""
    given = [(s.problem, s.interval, truths[s.problem]) for s in searches if s.interval is not None]
    if not given:
        return None
    held = by_problem([(name, float(low <= truth.best <= high)) for name, (low, high), truth in given])
    touched = [low <= truth.uncertain[1] and truth.uncertain[0] <= high for _, (low, high), truth in given]
    widths = [float(np.log10(high / low)) for _, (low, high), _ in given]
    return Coverage(
        searches[0].method,
        float(held.mean()),
        resampled(held),
        float(np.mean(touched)),
        float(np.mean(widths)),
        len(given),
    )


def by_problem(values: Sequence[tuple[str, float]]) -> Array:
    """Means over the answers of each problem."""
    names = sorted({name for name, _ in values})
    return np.array([np.mean([v for own, v in values if own == name]) for name in names])


def resampled(values: Array) -> tuple[float, float]:
    """Bootstrap interval of a mean, 95 %."""
    drawn = np.random.default_rng(0).integers(len(values), size=(_DRAWN, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
