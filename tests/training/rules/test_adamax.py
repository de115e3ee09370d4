"""Adamax in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import Adamax


def test_under_a_constant_gradient_every_step_is_the_learning_rate(play_one: Callable[..., Tensor]) -> None:
    grads = torch.tensor([2.0, -0.3], dtype=torch.float64).expand(80, 1, 2)
    end = play_one(Adamax(), torch.zeros(2, dtype=torch.float64), grads, [0.01])
    assert end[0].tolist() == pytest.approx([-0.8, 0.8], rel=1e-7)
