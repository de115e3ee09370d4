"""Adagrad in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import Adagrad


def test_steps_under_a_constant_gradient_fall_with_the_root_of_time(play_one: Callable[..., Tensor]) -> None:
    grads = torch.full((100, 1, 2), -7.0, dtype=torch.float64)
    end = play_one(Adagrad(), torch.zeros(2, dtype=torch.float64), grads, [0.1])
    assert end[0].tolist() == pytest.approx([0.1 * sum(t**-0.5 for t in range(1, 101))] * 2, rel=1e-9)
