"""The lanes as measures of a point see them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from etude.core.gradients import Gradients
from etude.core.measure import Point
from etude.core.spec import RunSpec
from etude.core.task import Task
from etude.training.lanes import Lanes
from etude.training.pace import lr_at, rates_of
from etude.training.rules.joint import by_lane


def point_of(lanes: Lanes, gradients: Gradients, task: Task) -> Point:
    """The lanes between two steps."""
    t = min(lanes.step, lanes.shared.steps - 1)
    lr = lr_at(lanes, t)
    return Point(
        step=lanes.step,
        params=lanes.params,
        weights=lanes.weights,
        buffers=lanes.buffers,
        state=lanes.state,
        rule=lanes.rule_at(t),
        lr=torch.as_tensor(lr),
        rates=rates_of(lanes, lr),
        gradients=gradients,
        task=task,
        seed=lanes.shared.seed,
        batch_size=lanes.shared.batch_size_at(t),
    )


def lane_of(point: Point, row: int, spec: RunSpec) -> Point:
    """One lane of a point, as a stack of its own."""

    def own(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor[row : row + 1] for name, tensor in tensors.items()}

    return replace(
        point,
        params=own(point.params),
        weights=own(point.weights),
        buffers=own(point.buffers),
        state={name: own(state) for name, state in point.state.items()},
        rule=by_lane([spec.rule_at(min(point.step, spec.steps - 1))]),
        lr=point.lr[row : row + 1],
        rates=own(point.rates),
    )
