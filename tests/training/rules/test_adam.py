"""Adam and its kin in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import Adam, AdamW, AMSGrad

PlayOne = Callable[..., Tensor]


def test_the_first_step_of_adam_is_a_sign_softened_by_epsilon(play_one: PlayOne) -> None:
    g = torch.tensor([[[3.0, -1e-8, 1e-20]]], dtype=torch.float64)
    end = play_one(Adam(), torch.zeros(3, dtype=torch.float64), g, [0.1])
    expected = -0.1 * g[0, 0] / (g[0, 0].abs() + 1e-8)
    torch.testing.assert_close(end[0], expected, rtol=1e-12, atol=0)
    assert end[0, 1].item() == pytest.approx(0.05, rel=1e-12)


def test_adamw_without_gradient_shrinks_the_weights_geometrically(play_one: PlayOne) -> None:
    grads = torch.zeros(1000, 1, 1, dtype=torch.float64)
    end = play_one(AdamW(weight_decay=0.1), torch.ones(1).double(), grads, [0.01])
    assert end.item() == pytest.approx(0.999**1000, rel=1e-9)


def test_amsgrad_never_grows_a_step_back_where_adam_forgets(play_one: PlayOne) -> None:
    grads = torch.full((200, 1, 1), 1e-3, dtype=torch.float64)
    grads[0] = 1.0
    start = torch.zeros(1, dtype=torch.float64)

    def last_step(rule: Adam | AMSGrad) -> float:
        return (play_one(rule, start, grads[:-1], [0.1]) - play_one(rule, start, grads, [0.1])).item()

    assert last_step(Adam(beta2=0.9)) == pytest.approx(0.1, rel=1e-3)
    largest = 0.1  # (1 - β₂) · 1², the second moment after the first gradient; its bias has long gone
    assert last_step(AMSGrad(beta2=0.9)) == pytest.approx(0.1 * 1e-3 / largest**0.5, rel=1e-3)
