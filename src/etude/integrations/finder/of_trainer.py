"""What the finders of other libraries' trainers share: batches that can be had again, and the trainer's own horizon."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from etude.integrations.finder.lengths import BUDGET, lengths


def fetched(loader: Iterable[Any], parts: int, budget: int | None) -> list[list[Any]]:
    """The batches of the longest run of a search, ``parts`` to a step; all of the loader's where it has fewer.

    Example:
        >>> fetched(range(7), 2, None)
        [[0, 1], [2, 3], [4, 5]]
    """
    plan = lengths(BUDGET if budget is None else budget, None)
    batches = list(itertools.islice(loader, parts * max(plan.ramp, plan.confirm)))
    return [batches[i : i + parts] for i in range(0, max(len(batches) - parts + 1, 1), parts)]


def with_steps(options: Mapping[str, Any], steps: int | None) -> dict[str, Any]:
    """Options for ``find`` with the trainer's own steps, unless they or a schedule in them say others.

    Example:
        >>> with_steps({"budget": 500}, 3000)
        {'steps': 3000, 'budget': 500}
    """
    own = None if hasattr(options.get("schedule"), "steps") else steps
    return {"steps": own} | dict(options)
