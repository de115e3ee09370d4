"""DoG's distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from etude.training.rules import DoG


def test_the_first_step_is_as_long_as_it_says(play: Callable[..., Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = {n: torch.randn(s, generator=generator, dtype=torch.float64) for n, s in {"w": (3, 4), "b": (3,)}.items()}
    grads = {n: 100 * torch.randn(1, *p.shape, generator=generator, dtype=torch.float64) for n, p in start.items()}
    rule = DoG(average=False)
    end, _ = play(rule, start, [grads], [1.0])
    length = torch.cat([p.flatten() for p in start.values()]).norm()
    moved = torch.cat([(end[n][0] - p).flatten() for n, p in start.items()]).norm()
    assert moved.item() == pytest.approx(1e-6 * (1 + length.item()), abs=1e-8)
    assert moved.item() == pytest.approx(1e-6 * (1 + length.item()), rel=1e-8)


def test_it_finds_a_learning_rate_for_a_quadratic_of_any_scale() -> None:
    for curvature in (1e-3, 1.0, 1e3):
        rule, w = DoG(), torch.full((1, 4), 2.0, dtype=torch.float64)
        params, rates = {"w": w}, {"w": torch.ones(1, 1, dtype=torch.float64)}
        state = rule.init_all(params)
        for t in range(2000):
            rule.update_all(params, {"w": curvature * w}, state, rates, t)
        assert rule.evaluation(w, state["w"]).norm() < 0.05
