"""Hyperparameters with schedules of their own: a lane equals a plain loop that sets them at each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from etude.core.rule import UpdateRule
from etude.core.spec import RunSpec
from etude.schedules.linear import Linear
from etude.schedules.one_cycle import one_cycle, one_cycle_momentum
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.lanes import Lanes, start_lanes
from etude.training.rules import SGD, Adam, AdamW
from etude.training.train import train

STEPS = 80
FALLING = Linear(1.0, 0.2, STEPS)


def trained(task: Task, specs: list[RunSpec]) -> Lanes:
    lanes = start_lanes(specs, task)
    for _ in train(lanes, make_gradients(task, specs[0].seed, Engine.STACK), task):
        pass
    return lanes


def plain_loop(
    task: Task, spec: RunSpec, optimizer: torch.optim.Optimizer, model: nn.Module, before: Callable[[int], None]
) -> list[float]:
    losses = []
    for t in range(spec.steps):
        before(t)
        x, y = task.batch(spec.seed, t, spec.batch_size_at(t))
        loss = task.loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


CASES: dict[
    str, tuple[UpdateRule, str, Callable[[Any, float], torch.optim.Optimizer], Callable[[Any, float], None]]
] = {
    "momentum": (
        SGD(momentum=0.9),
        "momentum",
        lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9),
        lambda group, m: group.update(momentum=0.9 * m),
    ),
    "weight decay": (
        AdamW(weight_decay=0.5),
        "weight_decay",
        lambda p, lr: torch.optim.AdamW(p, lr, weight_decay=0.5),
        lambda group, m: group.update(weight_decay=0.5 * m),
    ),
    "beta1": (
        Adam(beta1=0.95),
        "beta1",
        lambda p, lr: torch.optim.Adam(p, lr, betas=(0.95, 0.999)),
        lambda group, m: group.update(betas=(0.95 * m, 0.999)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_scheduled_hyperparameter_is_the_one_that_a_plain_loop_sets(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], case: str
) -> None:
    rule, name, make, change = CASES[case]
    task = task_of("mlp")
    lr = 0.02 if isinstance(rule, SGD) else 0.002
    lanes = trained(task, [spec_of(lr * k, rule, STEPS, scheduled=((name, FALLING),)) for k in (1.0, 2.0)])
    unscheduled = trained(task, [spec_of(lr, rule, STEPS)])
    for row, k in enumerate((1.0, 2.0)):
        model = task.init(3)
        optimizer = make(model.parameters(), lr * k)
        losses = plain_loop(
            task, lanes.specs[row], optimizer, model, lambda t, o=optimizer: change(o.param_groups[0], FALLING(t))
        )
        np.testing.assert_allclose(lanes.losses[:, row].numpy(), losses, rtol=1e-9)
    assert not np.allclose(lanes.losses[:, 0], unscheduled.losses[:, 0], rtol=1e-4)


def test_one_cycle_with_its_momentum_is_torchs_one_cycle(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task, model = task_of("mlp"), task_of("mlp").init(3)
    spec = spec_of(
        0.1,
        SGD(momentum=0.95),
        STEPS,
        one_cycle(STEPS),
        scheduled=(("momentum", one_cycle_momentum(STEPS)),),
    )
    lanes = trained(task, [spec])
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=STEPS, cycle_momentum=True)

    def advance(t: int) -> None:
        if t:
            scheduler.step()

    losses = plain_loop(task, spec, optimizer, model, advance)
    np.testing.assert_allclose(lanes.losses[:, 0].numpy(), losses, rtol=1e-9)


def test_a_batch_that_grows_is_the_one_of_a_run_with_that_batch_size(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task, model = task_of("mlp"), task_of("mlp").init(3)
    growing = Linear(0.25, 3.0, STEPS)
    spec = spec_of(0.1, SGD(), STEPS, scheduled=(("batch_size", growing),))
    assert [spec.batch_size_at(t) for t in (0, 40, 79)] == [4, 26, 47]
    lanes = trained(task, [spec])
    losses = plain_loop(task, spec, torch.optim.SGD(model.parameters(), 0.1), model, lambda _t: None)
    np.testing.assert_allclose(lanes.losses[:, 0].numpy(), losses, rtol=1e-9)


def test_lanes_with_schedules_of_their_own_share_a_stack_to_the_bit(
    task_of: Callable[..., Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp", torch.float32)
    schedules = [(("momentum", FALLING),), (), (("momentum", Linear(0.0, 1.0, STEPS)), ("weight_decay", FALLING))]
    rule = SGD(momentum=0.9, weight_decay=0.01)
    specs = [spec_of(0.05, rule, STEPS, scheduled=scheduled) for scheduled in schedules]
    together = trained(task, specs)
    for k, spec in enumerate(specs):
        assert torch.equal(together.losses[:, k], trained(task, [spec]).losses[:, 0])
