"""Stacks: who may share one, and what their learning rates are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from etude.core.errors import ExecutionError
from etude.core.spec import RunSpec
from etude.schedules.linear import Linear
from etude.tasks.task import Task
from etude.training.controllers import Plateau
from etude.training.lanes import start_lanes
from etude.training.pace import peak_table, rates_of
from etude.training.rules import SGD, Adam


def test_the_learning_rate_is_peak_times_schedule_times_group_scale(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    scales = (("1.*", 0.5), ("*.bias", 0.1))
    specs = [spec_of(lr, schedule=Linear(1.0, 0.0, 20), group_scales=scales) for lr in (0.1, 0.7)]
    lanes = start_lanes(specs, task_of("mlp"))
    table = rates_of(lanes, peak_table(lanes))
    for name, scale in (("1.weight", 0.5), ("1.bias", 0.05), ("3.weight", 1.0), ("5.bias", 0.1)):
        for t in (0, 7, 19):
            for k, lr in enumerate((0.1, 0.7)):
                assert table[name][t, k].item() == pytest.approx(lr * (1 - t / 20) * scale, rel=1e-14)
    assert table["1.weight"].shape == (20, 2, 1, 1)
    assert table["1.bias"].shape == (20, 2, 1)


@pytest.mark.parametrize(
    "change",
    [{"seed": 4}, {"batch_size": 8}, {"controller": Plateau()}, {"rule": Adam()}, {"group_scales": (("*", 2.0),)}],
)
def test_runs_that_differ_in_more_than_the_learning_rate_share_no_stack(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], change: dict[str, object]
) -> None:
    other = spec_of(0.1, **({"rule": SGD()} | change))
    with pytest.raises(ExecutionError, match=f"must agree in {next(iter(change))}"):
        start_lanes([spec_of(0.1, SGD()), other], task_of("mlp"))


def test_every_lane_starts_at_the_point_of_its_seed(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("cnn-bn")
    lanes = start_lanes([spec_of(0.1), spec_of(0.2), spec_of(0.3)], task)
    module = task.init(3)
    for name, p in [*module.named_parameters(), *module.named_buffers()]:
        for k in range(3):
            assert torch.equal((lanes.params | lanes.buffers)[name][k], p)
