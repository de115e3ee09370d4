"""Hypergradient descent against the derivative it claims to follow, and on a parabola."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from etude.core.errors import SpecError
from etude.training.controllers import Hypergradient


def test_the_learning_rate_grows_exactly_where_a_larger_step_would_have_lowered_the_loss() -> None:
    curvatures, control = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64), Hypergradient()
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    grew = []
    for lr in np.linspace(0.05, 1.5, 30):
        rate = torch.tensor(lr, requires_grad=True)
        loss = 0.5 * (curvatures * (w - rate * curvatures * w) ** 2).sum()
        (slope,) = torch.autograd.grad(loss, rate)
        before, after = curvatures * w, curvatures * (w - lr * curvatures * w)
        cosine = torch.cosine_similarity(before, after, dim=0).item()
        multiplier, _ = control.update(control.init(np.array([lr])), {"gradient_cosine": np.array([cosine])})
        assert (multiplier[0] > 1) == (slope.item() < 0)
        grew.append(multiplier[0] > 1)
    assert 0 < sum(grew) < 30


def test_on_a_parabola_it_grows_until_the_step_lands_beyond_the_minimum() -> None:
    control, w, lr = Hypergradient(rate=0.1), 1.0, 0.01
    state = control.init(np.array([0.01]))
    last = w
    for t in range(200):
        w -= lr * w
        multiplier, state = control.update(state, {"gradient_cosine": np.array([math.copysign(1.0, w * last)])})
        lr, last = 0.01 * multiplier[0], w
        if t < 48:  # 0.01 · 1.1^48 = 0.97: the last step that stays on its side
            assert lr == pytest.approx(0.01 * 1.1 ** (t + 1))
        if t > 60:
            assert 0.8 < lr < 1.2  # around 1, at which one step finds the minimum
    assert abs(w) < 1e-12


def test_lanes_have_their_own_and_a_first_step_changes_nothing() -> None:
    control = Hypergradient(rate=0.5)
    state = control.init(np.ones(4))
    multiplier, state = control.update(state, {"gradient_cosine": np.array([1.0, -1.0, math.nan, 0.0])})
    assert multiplier.tolist() == [1.5, 0.5, 1.0, 1.0]
    multiplier, _ = control.update(state, {"gradient_cosine": np.array([1.0, 1.0, 1.0, math.inf])})
    assert multiplier.tolist() == [2.25, 0.75, 1.5, 1.0]


@pytest.mark.parametrize("rate", [0.0, 1.0, math.nan])
def test_a_rate_out_of_range_is_named(rate: float) -> None:
    with pytest.raises(SpecError, match="rate"):
        Hypergradient(rate)
