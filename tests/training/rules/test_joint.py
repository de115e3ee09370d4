"""Hyperparameters that differ from lane to lane."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.core.rule import WHOLE, Rule
from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training.checkpoint import pack, unpack
from etude.training.engine import Engine, make_gradients
from etude.training.finish import final_weights
from etude.training.lanes import Lanes, start_lanes
from etude.training.rules import (
    SGD,
    Adafactor,
    AdamW,
    DAdaptAdam,
    DoG,
    Muon,
    NAdam,
    Prodigy,
    RMSprop,
    ScheduleFreeAdamW,
)
from etude.training.rules.joint import Blocks, by_lane, evaluated
from etude.training.train import train

SHAPES = {"matrix": (4, 7), "vector": (5,)}
FAMILIES: list[list[Rule]] = [
    [SGD(), SGD(momentum=0.9), SGD(momentum=0.9), SGD(momentum=0.5, nesterov=True, weight_decay=0.1)],
    [RMSprop(), RMSprop(centered=True), RMSprop(momentum=0.9), RMSprop(alpha=0.5)],
    [AdamW(), AdamW(beta2=0.9), AdamW(eps=1e-3), AdamW(weight_decay=0.3)],
    [NAdam(), NAdam(momentum_decay=0.1), NAdam(beta1=0.5), NAdam()],
    [Adafactor(), Adafactor(clip=0.1), Adafactor(capped=False), Adafactor(decay=-0.5)],
    [Muon(), Muon(momentum=0.5), Muon(iterations=3), Muon(rest=AdamW(beta1=0.5))],
    [ScheduleFreeAdamW(), ScheduleFreeAdamW(), ScheduleFreeAdamW(beta1=0.5), ScheduleFreeAdamW(eps=1e-2)],
    [DoG(), DoG(average=False), DoG(first_move=1e-2), DoG(weight_decay=0.1)],
    [Prodigy(), Prodigy(d0=1e-3), Prodigy(growth=1.1), Prodigy(safeguard_warmup=True)],
    [DAdaptAdam(), DAdaptAdam(d0=1e-3), DAdaptAdam(growth=1.1), DAdaptAdam(beta1=0.5)],
]
FAMILY = pytest.mark.parametrize("rules", FAMILIES, ids=lambda rules: type(rules[0]).__name__)


def play(rules: list[Rule], grads: list[dict[str, Tensor]], rates: Tensor) -> list[dict[str, Tensor]]:
    """Weights in training, and to evaluate, of lanes that start at one."""
    params = {n: torch.ones(len(rules), *s) for n, s in SHAPES.items()}
    lrs = {n: rates.view(-1, *[1] * len(s)) for n, s in SHAPES.items()}
    rule = by_lane(rules)
    state = rule.init_all(params)
    for t, step_grads in enumerate(grads):
        rule.update_all(params, {n: g.clone() for n, g in step_grads.items()}, state, lrs, t)
    assert all(len(v) == len(rules) for own in state.values() for v in own.values())
    return [params, evaluated(rule, params, state)]


@FAMILY
def test_every_lane_has_the_bits_of_its_own_rule_alone(rules: list[Rule]) -> None:
    generator = torch.Generator().manual_seed(0)
    grads = [{n: torch.randn(4, *s, generator=generator) for n, s in SHAPES.items()} for _ in range(20)]
    rates = torch.tensor([0.1, 0.02, 0.5, 0.1])
    together = play(rules, grads, rates)
    for k, rule in enumerate(rules):
        alone = play([rule], [{n: g[k : k + 1] for n, g in gs.items()} for gs in grads], rates[k : k + 1])
        for ours, theirs in zip(together, alone, strict=True):
            assert all(torch.equal(ours[n][k], theirs[n][0]) for n in SHAPES)


def trained(lanes: Lanes, task: Task) -> Lanes:
    for _ in train(lanes, make_gradients(task, 3, Engine.STACK), task):
        pass
    return lanes


@pytest.mark.parametrize("rules", [FAMILIES[0], FAMILIES[6], FAMILIES[7]], ids=["SGD", "ScheduleFreeAdamW", "DoG"])
def test_a_stack_of_different_hyperparameters_trains_each_lane_as_if_alone_also_from_a_checkpoint(
    rules: list[Rule], task_of: Callable[[str, torch.dtype], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp", torch.float32)
    specs = [spec_of(lr, rule, steps=30) for rule, lr in zip(rules, (0.1, 1e30, 0.05, 0.02), strict=True)]
    start = start_lanes(specs, task)
    packed = [pack(start) for _ in train(start, make_gradients(task, 3, Engine.STACK), task)]
    assert start.alive == [0, 2, 3]
    alone = {}
    for k in start.alive:
        alone |= final_weights(trained(start_lanes([specs[k]], task), task))
    for lanes in (start, trained(unpack(packed[0], specs, torch.device("cpu")), task)):
        ours = final_weights(lanes)
        assert ours.keys() == alone.keys()
        assert all(torch.equal(value, alone[name]) for name, value in ours.items())


def test_what_a_rule_does_not_keep_is_zero() -> None:
    state = by_lane([SGD(), SGD(momentum=0.9)]).init_all({"w": torch.ones(2, 3)})
    assert torch.equal(state["w"]["velocity"], torch.zeros(2, 3))


def test_numbers_of_a_whole_lane_stay_with_their_lane() -> None:
    state = by_lane([Prodigy(d0=1e-3), Prodigy(d0=1e-5), Prodigy(d0=1e-5)]).init_all({"w": torch.ones(3, 2)})
    assert state[WHOLE]["d"].tolist() == pytest.approx([1e-3, 1e-5, 1e-5])


def test_neighbours_with_one_rule_are_updated_together() -> None:
    rule = by_lane([SGD(), SGD(momentum=0.9), SGD(momentum=0.9)])
    assert isinstance(rule, Blocks)
    assert [rows for _, rows in rule.rows()] == [slice(0, 1), slice(1, 3)]
