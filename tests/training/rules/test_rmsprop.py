"""RMSprop in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import RMSprop


def test_the_first_step_is_too_long_by_the_missing_correction(play_one: Callable[..., Tensor]) -> None:
    grads = torch.full((1, 1, 1), 5.0, dtype=torch.float64)
    end = play_one(RMSprop(), torch.zeros(1, dtype=torch.float64), grads, [0.01])
    assert -end.item() == pytest.approx(0.01 / 0.01**0.5, rel=1e-7)


def test_a_gradient_without_variance_makes_no_nan_when_centered(play_one: Callable[..., Tensor]) -> None:
    start, grads = torch.zeros(50), torch.linspace(0.1, 3, 50).expand(3000, 1, 50)
    assert play_one(RMSprop(alpha=0.9, centered=True), start, grads, [1e-3]).isfinite().all()
    p = torch.zeros(50, requires_grad=True)
    theirs = torch.optim.RMSprop([p], 1e-3, 0.9, centered=True)
    for g in grads[:, 0]:
        p.grad = g.clone()
        theirs.step()
    assert p.isnan().any(), "torch has learnt to guard the root: the docstring says otherwise"
