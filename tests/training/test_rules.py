"""Update rules against torch.optim, and against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from etude.core.errors import SpecError
from etude.core.rule import UpdateRule
from etude.training.rules import SGD, Adam, AdamW

T, K, P = 100, 3, 7
RATES = torch.tensor([[1e-3], [1e-2], [0.1]], dtype=torch.float64)

PAIRS: list[tuple[UpdateRule, Callable[[list[torch.Tensor], float], torch.optim.Optimizer]]] = [
    (SGD(), lambda p, lr: torch.optim.SGD(p, lr)),
    (SGD(momentum=0.9), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9)),
    (SGD(momentum=0.9, weight_decay=0.1), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=0.1)),
    (SGD(momentum=0.5, nesterov=True), lambda p, lr: torch.optim.SGD(p, lr, momentum=0.5, nesterov=True)),
    (Adam(), lambda p, lr: torch.optim.Adam(p, lr)),
    (
        Adam(beta1=0.8, beta2=0.9, eps=1e-3, weight_decay=0.1),
        lambda p, lr: torch.optim.Adam(p, lr, (0.8, 0.9), 1e-3, 0.1),
    ),
    (AdamW(), lambda p, lr: torch.optim.AdamW(p, lr)),
    (AdamW(beta1=0.5, weight_decay=0.3), lambda p, lr: torch.optim.AdamW(p, lr, (0.5, 0.999), weight_decay=0.3)),
]


def problem() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(P, generator=generator, dtype=torch.float64)
    return start, torch.randn(T, K, P, generator=generator, dtype=torch.float64)


def play(rule: UpdateRule, start: torch.Tensor, grads: torch.Tensor, rates: torch.Tensor) -> torch.Tensor:
    param = start.expand(len(rates), -1).clone()
    state = rule.init(param)
    for t, g in enumerate(grads):
        rule.update(param, g.clone(), state, rates, t)
    return param


@pytest.mark.parametrize(("rule", "optimizer"), PAIRS)
def test_a_rule_agrees_with_torch_optim_to_1e_12_over_100_steps(
    rule: UpdateRule, optimizer: Callable[[list[torch.Tensor], float], torch.optim.Optimizer]
) -> None:
    start, grads = problem()
    ours = play(rule, start, grads, RATES)
    for k in range(K):
        p = start.clone().requires_grad_()
        opt = optimizer([p], RATES[k].item())
        for t in range(T):
            p.grad = grads[t, k].clone()
            opt.step()
        torch.testing.assert_close(ours[k], p.detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("rule", "optimizer"), PAIRS)
def test_lanes_do_not_touch_each_other(rule: UpdateRule, optimizer: object) -> None:
    start, grads = problem()
    together = play(rule, start, grads, RATES)
    for k in range(K):
        assert torch.equal(together[k : k + 1], play(rule, start, grads[:, k : k + 1], RATES[k : k + 1]))


def test_momentum_under_a_constant_gradient_travels_the_closed_form() -> None:
    lr, beta, steps = 0.01, 0.9, 50
    grads = torch.ones(steps, 1, 1, dtype=torch.float64)
    end = play(SGD(momentum=beta), torch.zeros(1, dtype=torch.float64), grads, torch.full((1, 1), lr).double())
    expected = lr / (1 - beta) * (steps - beta * (1 - beta**steps) / (1 - beta))
    assert -end.item() == pytest.approx(expected, rel=1e-7)
    assert expected == pytest.approx(4.10463840, abs=1e-8)


def test_the_first_step_of_adam_is_a_sign_softened_by_epsilon() -> None:
    g = torch.tensor([[[3.0, -1e-8, 1e-20]]], dtype=torch.float64)
    end = play(Adam(), torch.zeros(3, dtype=torch.float64), g, torch.full((1, 1), 0.1, dtype=torch.float64))
    expected = -0.1 * g[0, 0] / (g[0, 0].abs() + 1e-8)
    torch.testing.assert_close(end[0], expected, rtol=1e-12, atol=0)
    assert end[0, 1].item() == pytest.approx(0.05, rel=1e-12)


def test_adamw_without_gradient_shrinks_the_weights_geometrically() -> None:
    grads = torch.zeros(1000, 1, 1, dtype=torch.float64)
    end = play(AdamW(weight_decay=0.1), torch.ones(1).double(), grads, torch.full((1, 1), 0.01, dtype=torch.float64))
    assert end.item() == pytest.approx(0.999**1000, rel=1e-9)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_heavy_ball_is_stable_up_to_2_times_1_plus_beta_over_lambda(beta: float) -> None:
    edge = 2 * (1 + beta) / 10.0
    rates = torch.tensor([[0.995 * edge], [1.005 * edge]], dtype=torch.float64)
    w = torch.ones(2, 1, dtype=torch.float64)
    rule = SGD(momentum=beta)
    state = rule.init(w)
    for t in range(20_000):
        rule.update(w, 10.0 * w, state, rates, t)
    assert abs(w[0].item()) < 1e-3
    assert not abs(w[1].item()) < 1e3


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: SGD(momentum=1.0), "momentum"),
        (lambda: SGD(momentum=-0.1), "momentum"),
        (lambda: SGD(momentum=float("nan")), "momentum"),
        (lambda: SGD(weight_decay=-1.0), "weight_decay"),
        (lambda: SGD(weight_decay=float("inf")), "weight_decay"),
        (lambda: SGD(nesterov=True), "momentum > 0"),
        (lambda: Adam(beta1=1.0), "beta1"),
        (lambda: AdamW(beta2=2.0), "beta2"),
        (lambda: Adam(eps=0.0), "eps"),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(make: Callable[[], object], names: str) -> None:
    with pytest.raises(SpecError, match=names):
        make()
