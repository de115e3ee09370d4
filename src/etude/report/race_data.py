"""A race: its order, its groups as letters, what the script draws, and the table behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

from etude.core.message import Message
from etude.report.figures import Arm, RaceFigure, Text
from etude.report.numbers import interval, number
from etude.report.packing import packed, packed_all
from etude.report.words import Both, both, word


def ranking(figure: RaceFigure) -> list[int]:
    """Indices of the arms from best to worst; those without a number come last."""
    sign = 1 if figure.lower_is_better else -1
    values = [arm.value for arm in figure.arms]
    return sorted(
        range(len(values)), key=lambda i: (math.isnan(values[i]), 0 if math.isnan(values[i]) else sign * values[i])
    )


def ranked_groups(figure: RaceFigure) -> list[list[int]]:
    """The groups as ranks (0 is the best), each in order, the group with the best member first; sets of one left out."""
    rank = {arm: place for place, arm in enumerate(ranking(figure))}
    return sorted(sorted({rank[arm] for arm in group}) for group in figure.groups if len(set(group)) > 1)


def letters(figure: RaceFigure) -> list[str]:
    """The groups of each arm as letters, best arm first: two arms share one where the seeds do not tell them apart.

    An arm that belongs to no group has a letter of its own.
    """
    groups = ranked_groups(figure)
    alone = set(range(len(figure.arms))) - {place for group in groups for place in group}
    groups = sorted([*groups, *([place] for place in alone)])
    return [
        "".join(_letter(g) for g, group in enumerate(groups) if place in group) for place in range(len(figure.arms))
    ]


def lanes(groups: Sequence[Sequence[int]]) -> list[int]:
    """Where the bar of each group is drawn: the first lane in which no earlier bar overlaps it.

    Example:
        >>> lanes([[0, 1, 2], [1, 3], [4, 5]])
        [0, 1, 0]
    """
    ends: list[int] = []
    chosen = []
    for group in groups:
        lane = next((i for i, end in enumerate(ends) if end < group[0]), len(ends))
        ends[lane : lane + 1] = [group[-1]]
        chosen.append(lane)
    return chosen


def mean_text(figure: RaceFigure, arm: Arm) -> Text:
    """The mean with its interval, if there is one to show."""
    if math.isnan(arm.value):
        return word("missing.diverged")
    ends = figure.interval(arm)
    return number(arm.value) if ends is None else interval(arm.value, *ends)


def race_notes(figure: RaceFigure) -> list[Message]:
    """What a caption has to add about the drawing itself."""
    return [word("withheld")] if any(figure.withheld(arm) for arm in figure.arms) else []


def race_data(figure: RaceFigure) -> dict[str, Any]:
    """A ``RaceFigure`` for the script: arms in their order, groups as ranks."""
    return {
        "id": figure.id,
        "kind": "race",
        "xLabel": both(figure.x_label),
        "logX": figure.log_x,
        "xLimits": figure.x_limits,
        "arms": [_arm(figure, figure.arms[i]) for i in ranking(figure)],
        "groups": ranked_groups(figure),
        "lanes": lanes(ranked_groups(figure)),
        "missing": both(word("missing.diverged")),
    }


def race_table(figure: RaceFigure) -> tuple[list[Both], list[list[Both]]]:
    """Rank, arm, mean with interval, groups, and the arms' notes if there are any."""
    order = ranking(figure)
    noted = any(arm.note is not None for arm in figure.arms)
    headings = [both(word("column.rank")), both(word("column.arm")), both(figure.x_label), both(word("column.groups"))]
    rows = [
        [both(str(place + 1)), both(figure.arms[i].name), both(mean_text(figure, figure.arms[i])), both(group)]
        + ([both(figure.arms[i].note or "")] if noted else [])
        for place, (i, group) in enumerate(zip(order, letters(figure), strict=True))
    ]
    return headings + ([both(word("column.note"))] if noted else []), rows


def _arm(figure: RaceFigure, arm: Arm) -> dict[str, Any]:
    low, high = figure.interval(arm) or (None, None)
    return {
        "name": both(arm.name),
        "value": packed(arm.value),
        "low": packed(low),
        "high": packed(high),
        "points": packed_all(arm.points),
        "note": None if arm.note is None else both(arm.note),
        "won": arm.won,
    }


def _letter(index: int) -> str:
    return ascii_lowercase[index] if index < 26 else ascii_lowercase[index // 26 - 1] + ascii_lowercase[index % 26]
