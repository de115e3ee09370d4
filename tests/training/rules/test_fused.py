"""The fused kernels that large tensors take, against torch.optim and against the same rule in several passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from etude.core.rule import UpdateRule
from etude.training.rules import SGD, Adagrad, Adam, AdamW, AMSGrad, fused
from etude.training.rules.joint import joint

LRS = [1e-3, 1e-2, 3e-2]
SHAPE = (128, 130)  # more numbers than FUSED_FROM

PAIRS: dict[str, tuple[UpdateRule, Callable[..., optim.Optimizer]]] = {
    "nesterov": (
        SGD(0.9, nesterov=True, weight_decay=0.1),
        lambda p, lr: optim.SGD(p, lr, 0.9, nesterov=True, weight_decay=0.1, foreach=False),
    ),
    "adagrad": (
        Adagrad(initial=0.1, weight_decay=0.1),
        lambda p, lr: optim.Adagrad(p, lr, initial_accumulator_value=0.1, weight_decay=0.1, foreach=False),
    ),
    "adam": (Adam(weight_decay=0.1), lambda p, lr: optim.Adam(p, lr, weight_decay=0.1, foreach=False)),
    "adamw": (AdamW(weight_decay=0.3), lambda p, lr: optim.AdamW(p, lr, weight_decay=0.3, foreach=False)),
    "amsgrad": (
        AMSGrad(beta2=0.9, weight_decay=0.1),
        lambda p, lr: optim.Adam(p, lr, (0.9, 0.9), weight_decay=0.1, amsgrad=True, foreach=False),
    ),
}
EACH = pytest.mark.parametrize("name", PAIRS)


def problem(dtype: torch.dtype = torch.float64) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(2)
    start = torch.randn(SHAPE, generator=generator, dtype=dtype)
    return start, [torch.randn(3, *SHAPE, generator=generator, dtype=dtype) for _ in range(20)]


@EACH
def test_a_fused_rule_agrees_with_torchs_loop_over_tensors_to_1e_12(name: str, play: Callable[..., Any]) -> None:
    rule, make = PAIRS[name]
    start, grads = problem()
    assert fused.fused_pays(start[None])
    ours, _ = play(rule, {"w": start}, [{"w": g} for g in grads], LRS)
    for k, lr in enumerate(LRS):
        parameter = nn.Parameter(start.clone())
        optimizer = make([parameter], lr)
        for grad in grads:
            parameter.grad = grad[k].clone()
            optimizer.step()
        torch.testing.assert_close(ours["w"][k], parameter.detach(), rtol=1e-12, atol=1e-13)


@EACH
def test_both_ways_leave_the_same_state(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start, grads = problem()
    states = []
    for least in (1, 10**9):
        monkeypatch.setattr(fused, "FUSED_FROM", least)
        whole, params = joint(PAIRS[name][0]), {"w": start.expand(3, *SHAPE).clone()}
        state, rates = whole.init_all(params), {"w": torch.tensor(LRS).double().view(-1, 1, 1)}
        for t, grad in enumerate(grads):
            whole.update_all(params, {"w": grad.clone()}, state, rates, t)
        states.append(state["w"] | params)
    for key, value in states[0].items():
        torch.testing.assert_close(value, states[1][key], rtol=1e-12, atol=1e-13)


@EACH
def test_fused_lanes_do_not_touch_each_other(name: str, play: Callable[..., Any]) -> None:
    start, grads = problem(torch.float32)
    grads[5][2] = torch.nan
    together, _ = play(PAIRS[name][0], {"w": start}, [{"w": g} for g in grads], LRS)
    for k in (0, 1):
        alone, _ = play(PAIRS[name][0], {"w": start}, [{"w": g[k : k + 1]} for g in grads], LRS[k : k + 1])
        assert torch.equal(together["w"][k], alone["w"][0])


@EACH
def test_a_gradient_that_lies_in_another_order_is_read_in_its_own(name: str) -> None:
    start, grads = problem()
    ends = []
    for turn in (Tensor.contiguous, lambda g: g.mT.contiguous().mT):
        whole, params = joint(PAIRS[name][0]), {"w": start.expand(3, *SHAPE).clone()}
        state, rates = whole.init_all(params), {"w": torch.tensor(LRS).double().view(-1, 1, 1)}
        for t, grad in enumerate(grads[:3]):
            whole.update_all(params, {"w": turn(grad.clone())}, state, rates, t)
        ends.append(params["w"])
    assert torch.equal(*ends)


def test_small_tensors_and_other_layouts_are_not_fused() -> None:
    assert not fused.fused_pays(torch.zeros(64, 100, 100))
    assert fused.fused_pays(torch.zeros(1, 128, 128))
    assert not fused.fused_pays(torch.zeros(4, 128, 128).mT)
