"""Lion moves by signs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from etude.training.rules import Lion


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-20, 1e-3, 1.0, 1e10]))
@settings(max_examples=20, deadline=None)
def test_every_weight_moves_by_the_learning_rate_whatever_the_gradient(
    play_one: Callable[..., Tensor], seed: int, scale: float
) -> None:
    grads = scale * torch.randn(6, 1, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    start = torch.zeros(9, dtype=torch.float64)
    before, after = (play_one(Lion(), start, grads[:n], [0.125]) for n in (5, 6))
    torch.testing.assert_close((after - before).abs(), torch.full((1, 9), 0.125).double(), rtol=1e-12, atol=0)
