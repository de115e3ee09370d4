"""RAdam's rectification."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import RAdam


@pytest.mark.parametrize(("t", "factor"), [(6, 0.0258211), (7, 0.0327388), (1000, 0.645326)])
def test_the_rectification_has_its_known_values(t: int, factor: float) -> None:
    assert RAdam().rectification(t - 1) == pytest.approx(factor, rel=2e-6)


def test_the_first_five_steps_are_not_rectified_but_as_long_as_the_gradient(play_one: Callable[..., Tensor]) -> None:
    assert [RAdam().rectification(t) for t in range(5)] == [None] * 5
    grads = torch.full((5, 1, 1), 2.0, dtype=torch.float64)
    for steps in range(1, 6):
        end = play_one(RAdam(), torch.zeros(1, dtype=torch.float64), grads[:steps], [1.0])
        assert end.item() == pytest.approx(-2.0 * steps, rel=1e-12)
