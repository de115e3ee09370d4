"""Prodigy and D-Adaptation: what they learn of the distance."""

from __future__ import annotations

import prodigyopt
import pytest
import torch

from etude.core.rule import WHOLE
from etude.training.rules import DAdaptAdam, Prodigy


@pytest.mark.parametrize("rule", [Prodigy(), DAdaptAdam()])
def test_the_estimate_never_falls_and_comes_to_the_order_of_the_distance(rule: Prodigy | DAdaptAdam) -> None:
    w = torch.zeros(1, 3, dtype=torch.float64)
    target = torch.tensor([[5.0, -5.0, 5.0]], dtype=torch.float64)
    params, rates = {"w": w}, {"w": torch.ones(1, 1, dtype=torch.float64)}
    state = rule.init_all(params)
    estimates = []
    for t in range(1000):
        rule.update_all(params, {"w": (w - target).sign()}, state, rates, t)
        estimates.append(state[WHOLE]["d"].item())
    assert estimates == sorted(estimates)
    assert target.norm() / 10 < estimates[-1] < 10 * target.norm()
    assert (w - target).norm() < target.norm() / 2


@pytest.mark.parametrize("rule", [Prodigy(growth=1.02), DAdaptAdam(growth=1.02)])
def test_the_estimate_grows_no_faster_than_allowed(rule: Prodigy | DAdaptAdam) -> None:
    w = torch.zeros(2, 3, dtype=torch.float64)
    params, rates = {"w": w}, {"w": torch.ones(2, 1, dtype=torch.float64)}
    state = rule.init_all(params)
    for t in range(200):
        before = state[WHOLE]["d"].clone()
        rule.update_all(params, {"w": (w - 1e3).sign()}, state, rates, t)
        allowed = torch.where(before == rule.d0, torch.inf, before * 1.02 * (1 + 1e-12))
        assert (state[WHOLE]["d"] <= allowed).all()


def test_frozen_parameters_bring_no_evidence() -> None:
    generator = torch.Generator().manual_seed(0)
    start = {n: torch.randn(4, generator=generator, dtype=torch.float64) for n in ("free", "frozen")}
    params = {n: p[None].clone() for n, p in start.items()}
    rates = {"free": torch.ones(1, 1, dtype=torch.float64), "frozen": torch.zeros(1, 1, dtype=torch.float64)}
    theirs = {n: torch.nn.Parameter(p.clone()) for n, p in start.items()}
    optimizer = prodigyopt.Prodigy(
        [{"params": [theirs["free"]]}, {"params": [theirs["frozen"]]}], d0=1e-3, safeguard_warmup=True
    )
    optimizer.param_groups[1]["lr"] = 0.0
    rule = Prodigy(d0=1e-3, safeguard_warmup=True)
    state = rule.init_all(params)
    for t in range(50):
        grads = {n: torch.randn(1, 4, generator=generator, dtype=torch.float64) for n in start}
        for n, p in theirs.items():
            p.grad = grads[n][0].clone()
        optimizer.step()
        rule.update_all(params, grads, state, rates, t)
    torch.testing.assert_close(params["free"][0], theirs["free"].detach(), rtol=1e-12, atol=1e-13)
    assert torch.equal(params["frozen"][0], start["frozen"])
