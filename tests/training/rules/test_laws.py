"""What holds for every rule."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

import etude.training.rules as package
from etude.core.errors import SpecError
from etude.core.record import from_plain, to_plain
from etude.core.rule import Rule
from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training.engine import Engine
from etude.training.memory import bytes_per_lane
from etude.training.rules import (
    LAMB,
    LARS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    DAdaptAdam,
    DoG,
    Lion,
    Muon,
    NAdam,
    Prodigy,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)

RULES: list[Rule] = [getattr(package, name)() for name in package.__all__]
RULES += [SGD(momentum=0.9), RMSprop(momentum=0.9, centered=True), DoG(average=False), Prodigy(safeguard_warmup=True)]
EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=repr)
SHAPES = {"matrix": (4, 6), "vector": (5,), "scalar": (), "kernel": (2, 2, 3, 3)}


def start() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return {n: torch.randn(s, generator=generator, dtype=torch.float64) for n, s in SHAPES.items()}


def ones(lanes: int, value: float = 1.0) -> dict[str, torch.Tensor]:
    return {n: torch.full((lanes, *s), value, dtype=torch.float64) for n, s in SHAPES.items()}


@EVERY_RULE
def test_a_learning_rate_of_zero_moves_nothing(rule: Rule, play: Callable[..., Any]) -> None:
    for weights in play(rule, start(), [ones(2)] * 4, [0.0, 0.1]):
        for n, p in start().items():
            torch.testing.assert_close(weights[n][0], p, rtol=1e-14, atol=1e-14)
            assert weights[n].isfinite().all()


@EVERY_RULE
def test_gradients_of_zero_make_no_nan(rule: Rule, play: Callable[..., Any]) -> None:
    for weights in play(rule, start(), [ones(2, 0.0)] * 3 + [ones(2)] * 3 + [ones(2, 0.0)] * 3, [0.01, 0.1]):
        assert all(w.isfinite().all() for w in weights.values())


@EVERY_RULE
def test_a_rule_can_be_stored_and_read_back(rule: Rule) -> None:
    assert from_plain(to_plain(rule)) == rule


@EVERY_RULE
def test_the_memory_of_a_lane_can_be_foretold(
    rule: Rule, task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    plain = bytes_per_lane(task, spec_of(0.1, SGD()), Engine.LOOP)
    assert plain <= bytes_per_lane(task, spec_of(0.1, rule), Engine.LOOP) < 4 * plain


def test_a_rule_can_be_read_without_torch() -> None:
    script = "import sys, etude.training.rules as r; r.DoG(); r.Muon(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: SGD(momentum=1.0), "momentum"),
        (lambda: SGD(momentum=-0.1), "momentum"),
        (lambda: SGD(momentum=math.nan), "momentum"),
        (lambda: SGD(weight_decay=-1.0), "weight_decay"),
        (lambda: SGD(weight_decay=math.inf), "weight_decay"),
        (lambda: SGD(nesterov=True), "momentum > 0"),
        (lambda: Adam(beta1=1.0), "beta1"),
        (lambda: AdamW(beta2=2.0), "beta2"),
        (lambda: Adam(eps=0.0), "eps"),
        (lambda: Adagrad(initial=-1.0), "initial"),
        (lambda: Adadelta(rho=1.0), "rho"),
        (lambda: RMSprop(alpha=-0.1), "alpha"),
        (lambda: NAdam(momentum_decay=-1.0), "momentum_decay"),
        (lambda: Lion(beta2=1.0), "beta2"),
        (lambda: Adafactor(decay=0.0), "decay < 0"),
        (lambda: Adafactor(eps1=0.0), "eps1"),
        (lambda: Adafactor(eps2=math.inf), "eps2"),
        (lambda: Adafactor(clip=0.0), "clip"),
        (lambda: LARS(trust=0.0), "trust"),
        (lambda: LAMB(weight_decay=math.nan), "weight_decay"),
        (lambda: Muon(iterations=0), "iterations >= 1"),
        (lambda: Muon(momentum=1.0), "momentum"),
        (lambda: ScheduleFreeSGD(beta=0.0), "0 < beta"),
        (lambda: ScheduleFreeAdamW(beta1=0.0), "0 < beta1"),
        (lambda: DoG(first_move=0.0), "first_move"),
        (lambda: Prodigy(d0=0.0), "d0"),
        (lambda: Prodigy(coefficient=0.0), "coefficient"),
        (lambda: Prodigy(growth=0.9), "growth >= 1"),
        (lambda: DAdaptAdam(growth=math.nan), "growth >= 1"),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(make: Callable[[], object], names: str) -> None:
    with pytest.raises(SpecError, match=names):
        make()
