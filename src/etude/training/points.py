"""The lanes as measures of a point see them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from etude.core.gradients import Gradients
from etude.core.measure import Point
from etude.core.task import Task
from etude.training.lanes import Lanes, lr_table
from etude.training.rules.joint import by_lane, evaluated


def point_of(lanes: Lanes, gradients: Gradients, task: Task, rows: Sequence[int]) -> Point:
    """The lanes between two steps, or some rows of the stack."""
    specs = [lanes.specs[lanes.alive[row]] for row in rows]
    t = min(lanes.step, lanes.shared.steps - 1)
    whole = len(rows) == len(lanes.alive)
    index = torch.tensor(rows, device=next(iter(lanes.params.values())).device)
    params, buffers, state, rates = (
        lanes.params,
        lanes.buffers,
        lanes.state,
        {n: r[t] for n, r in lr_table(lanes).items()},
    )
    if not whole:
        params, buffers, rates = ({n: v.index_select(0, index) for n, v in d.items()} for d in (params, buffers, rates))
        state = {n: {k: v.index_select(0, index) for k, v in s.items()} for n, s in state.items()}
    rule = by_lane([s.rule_at(t) for s in specs])
    with torch.no_grad():
        weights = evaluated(rule, params, state)
    return Point(
        step=lanes.step,
        params=params,
        weights=weights,
        buffers=buffers,
        state=state,
        rule=rule,
        lr=torch.tensor([s.peak_lr * s.schedule(t) for s in specs], dtype=torch.float64),
        rates=rates,
        gradients=gradients,
        task=task,
        seed=lanes.shared.seed,
        batch_size=lanes.shared.batch_size_at(t),
    )
