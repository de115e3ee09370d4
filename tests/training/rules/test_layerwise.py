"""LARS and LAMB: lengths of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from etude.training.rules import LAMB, LARS

SHAPES = {"matrix": (4, 6), "vector": (5,)}


def problem(steps: int) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    generator = torch.Generator().manual_seed(0)
    draw = lambda *s: torch.randn(*s, generator=generator, dtype=torch.float64)  # noqa: E731
    return {n: draw(*s) for n, s in SHAPES.items()}, [{n: draw(1, *s) for n, s in SHAPES.items()} for _ in range(steps)]


def test_a_step_of_lamb_is_the_learning_rate_times_the_weights(play: Callable[..., Any]) -> None:
    start, grads = problem(1)
    ours, _ = play(LAMB(), start, grads, [0.02])
    moved = (ours["matrix"][0] - start["matrix"]).norm().item()
    assert moved == pytest.approx(0.02 * start["matrix"].norm().item(), rel=1e-12)


def test_the_first_step_of_lars_is_its_trust_times_the_learning_rate_times_the_weights(
    play: Callable[..., Any],
) -> None:
    start, grads = problem(1)
    ours, _ = play(LARS(trust=0.05), start, grads, [0.2])
    moved = {n: (ours[n][0] - start[n]).norm().item() for n in SHAPES}
    assert moved["matrix"] == pytest.approx(0.2 * 0.05 * start["matrix"].norm().item(), rel=1e-12)
    assert moved["vector"] == pytest.approx(0.2 * grads[0]["vector"].norm().item(), rel=1e-12)


@pytest.mark.parametrize("rule", [LARS(), LAMB()])
def test_a_layer_of_zeros_can_leave_zero(play: Callable[..., Any], rule: LARS | LAMB) -> None:
    start, grads = problem(1)
    ours, _ = play(rule, {n: torch.zeros_like(p) for n, p in start.items()}, grads, [0.1])
    assert all(ours[n].norm() > 1e-3 for n in SHAPES)
