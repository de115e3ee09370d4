"""Adadelta in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import Adadelta


def test_the_first_step_is_as_long_as_epsilon_lets_it(play_one: Callable[..., Tensor]) -> None:
    grads = torch.full((1, 1, 1), 50.0, dtype=torch.float64)
    end = play_one(Adadelta(), torch.zeros(1, dtype=torch.float64), grads, [1.0])
    assert -end.item() == pytest.approx(math.sqrt(1e-6) / math.sqrt(0.1 * 50**2 + 1e-6) * 50, rel=1e-12)
    assert -end.item() == pytest.approx(math.sqrt(1e-6 / 0.1), rel=1e-6)
