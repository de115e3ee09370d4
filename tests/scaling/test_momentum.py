"""The effective learning rate of momentum, against momentum itself."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.scaling import effective_lr, nominal_lr


def test_under_a_constant_gradient_momentum_ends_up_moving_at_the_effective_learning_rate() -> None:
    weight = torch.zeros(1, dtype=torch.float64)
    optimizer = torch.optim.SGD([weight], lr=0.01, momentum=0.9)
    for _ in range(400):
        before = weight.item()
        weight.grad = torch.ones_like(weight)
        optimizer.step()
    assert before - weight.item() == pytest.approx(effective_lr(0.01, 0.9), rel=1e-10)


def test_without_momentum_nothing_changes() -> None:
    assert effective_lr(0.3, 0.0) == 0.3


@given(st.floats(1e-8, 1e3), st.floats(0, 0.999))
def test_each_function_undoes_the_other(lr: float, beta: float) -> None:
    assert nominal_lr(effective_lr(lr, beta), beta) == pytest.approx(lr, rel=1e-12)


@pytest.mark.parametrize("function", [effective_lr, nominal_lr])
def test_values_out_of_range_are_refused(function) -> None:
    for beta in (-0.1, 1.0, math.nan):
        with pytest.raises(SpecError, match=f"needs 0 <= beta < 1, got {beta}"):
            function(0.1, beta)
    for lr in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(SpecError, match=f"the learning rate > 0 and finite, got {lr}"):
            function(lr, 0.9)
