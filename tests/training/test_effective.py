"""Effective learning rates: what a rule's update divided by its direction comes to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from etude.core.rule import Rule
from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training.effective import effective_rates
from etude.training.engine import Engine, make_gradients
from etude.training.lanes import start_lanes
from etude.training.measures import EffectiveRates
from etude.training.measures.effective import LEVELS, quantiles
from etude.training.rules import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    DoG,
    Lion,
    Muon,
    Prodigy,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
)
from etude.training.rules.joint import by_lane, joint
from etude.training.train import train

LANES, STEPS = 3, 9
SHAPES = {"w": (4, 5), "b": (5,)}


def stepped(rule: Rule, seed: int = 0, moving: str = "") -> tuple[dict[str, Tensor], ...]:
    """State after some steps on random gradients; the last gradient; what the last step moved (``moving``: of the state)."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda scale: {  # noqa: E731
        n: scale * torch.randn(LANES, *s, generator=generator, dtype=torch.float64) for n, s in SHAPES.items()
    }
    params, whole = draw(1.0), joint(rule)
    state = whole.init_all(params)
    rates = {n: torch.tensor([0.1, 0.2, 0.4], dtype=torch.float64).view(-1, *[1] * len(s)) for n, s in SHAPES.items()}
    for t in range(STEPS):
        grads = draw(0.3)
        held = {n: state[n][moving] for n in params} if moving else params
        before = {n: p.clone() for n, p in held.items()}
        last = {n: g.clone() for n, g in grads.items()}
        whole.update_all(params, grads, state, rates, t)
    return state, rates, last, {n: p - before[n] for n, p in held.items()}


@pytest.mark.parametrize(
    "rule",
    [Adam(), AdamW(weight_decay=0.0), AMSGrad(), RAdam(), RAdam(beta2=0.9), Adamax(), Prodigy(d0=0.5, growth=1.0)],
    ids=repr,
)
def test_the_update_is_the_rate_times_the_first_moment(rule: Rule) -> None:
    state, rates, _, moved = stepped(rule)
    for name, own in effective_rates(joint(rule), state, rates, STEPS).items():  # type: ignore[arg-type]
        assert own.first is not None
        torch.testing.assert_close(moved[name], -own.rate * own.first, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("rule", "moving"),
    [
        (SGD(), ""),
        (RMSprop(), ""),
        (RMSprop(alpha=0.9, centered=True), ""),
        (Adagrad(initial=0.1), ""),
        (DoG(average=False), ""),
        (ScheduleFreeAdamW(), "z"),
    ],
    ids=repr,
)
def test_the_update_is_the_rate_times_the_gradient(rule: Rule, moving: str) -> None:
    state, rates, grads, moved = stepped(rule, moving=moving)
    for name, own in effective_rates(joint(rule), state, rates, STEPS).items():  # type: ignore[arg-type]
        torch.testing.assert_close(moved[name], -own.rate * grads[name], rtol=1e-9, atol=1e-13)


def test_adadeltas_rate_is_the_size_of_updates_over_the_size_of_gradients() -> None:
    rule = Adadelta(rho=0.8)
    state, rates, *_ = stepped(rule)
    own = effective_rates(joint(rule), state, rates, STEPS)["w"]  # type: ignore[arg-type]
    travel, second = state["w"]["travel"], state["w"]["second"]  # type: ignore[index]
    torch.testing.assert_close(own.rate, rates["w"] * ((travel + 1e-6) / (second + 1e-6)).sqrt())
    torch.testing.assert_close(own.root, second.sqrt())  # type: ignore[arg-type]


def test_a_factored_second_moment_is_spread_over_rows_and_columns() -> None:
    rule = Adafactor(capped=False)
    state, rates, *_ = stepped(rule)
    found = effective_rates(joint(rule), state, rates, STEPS)  # type: ignore[arg-type]
    rows, columns = state["w"]["rows"][0], state["w"]["columns"][0]  # type: ignore[index]
    expected = 0.1 / (rows @ columns / rows.mean()).sqrt()
    torch.testing.assert_close(found["w"].rate[0], expected)
    torch.testing.assert_close(found["b"].rate[2], 0.4 / state["b"]["second"][2].sqrt())  # type: ignore[index]


@pytest.mark.parametrize("rule", [Lion(), SGD(momentum=0.9)], ids=repr)
def test_a_rule_that_divides_by_nothing_has_the_learning_rate_everywhere(rule: Rule) -> None:
    state, rates, *_ = stepped(rule)
    for name, own in effective_rates(joint(rule), state, rates, STEPS).items():  # type: ignore[arg-type]
        assert torch.equal(own.rate, rates[name])
        assert own.root is None


def test_muons_vectors_follow_its_other_rule() -> None:
    state, rates, *_ = stepped(Muon())
    found = effective_rates(joint(Muon()), state, rates, STEPS)  # type: ignore[arg-type]
    assert found["w"].root is None
    torch.testing.assert_close(
        found["b"].rate, effective_rates(joint(Muon().rest), state, {"b": rates["b"]}, STEPS)["b"].rate
    )  # type: ignore[arg-type]


def test_lanes_with_hyperparameters_of_their_own_are_read_by_their_own() -> None:
    rules = [Adam(beta2=0.9), Adam(), Adam()]
    state, rates, *_ = stepped(Adam())
    together = effective_rates(by_lane(rules), state, rates, STEPS)  # type: ignore[arg-type]
    for k, rule in enumerate(rules):
        alone = effective_rates(joint(rule), state, rates, STEPS)  # type: ignore[arg-type]
        for name in SHAPES:
            assert torch.equal(together[name].rate[k], alone[name].rate[k])
            assert torch.equal(together[name].root[k], alone[name].root[k])  # type: ignore[index]


def test_quantiles_are_numpys() -> None:
    rows = [torch.randn(3, 7, dtype=torch.float64), torch.randn(3, 40, dtype=torch.float64)]
    found = quantiles(rows)
    for name, level in LEVELS.items():
        np.testing.assert_allclose(found[name], np.quantile(torch.cat(rows, 1).numpy(), level, axis=1), rtol=1e-12)


def test_a_run_under_adam_records_the_quantiles_of_torchs_state(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    spec = spec_of(0.01, Adam(), measures=(EffectiveRates(),))
    lanes = start_lanes([spec], task)
    for _ in train(lanes, make_gradients(task, 3, Engine.STACK), task):
        pass
    model = task.init(3)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for t in range(20):
        x, y = task.batch(3, t, 16)
        optimizer.zero_grad()
        task.loss(model(x), y).backward()
        optimizer.step()
    held = [optimizer.state[p] for p in model.parameters()]
    second = torch.cat([s["exp_avg_sq"].flatten() for s in held]) / (1 - 0.999**20)
    first = torch.cat([s["exp_avg"].flatten() for s in held]) / (1 - 0.9**20)
    kinds = {"effective_lr": 0.01 / (second.sqrt() + 1e-8), "first_moment": first.abs(), "second_moment": second.sqrt()}
    for kind, values in kinds.items():
        for name, level in LEVELS.items():
            column = lanes.evaluations[f"{kind}/{name}"]
            assert np.isnan(column[0][0])
            assert column[-1][0] == pytest.approx(np.quantile(values.numpy(), level), rel=1e-8)
