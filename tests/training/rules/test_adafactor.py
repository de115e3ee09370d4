"""Adafactor's relative steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from etude.training.rules import Adafactor

SHAPES = {"matrix": (4, 6), "vector": (5,)}


def problem(steps: int) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    generator = torch.Generator().manual_seed(0)
    draw = lambda *s: torch.randn(*s, generator=generator, dtype=torch.float64)  # noqa: E731
    return {n: draw(*s) for n, s in SHAPES.items()}, [{n: draw(1, *s) for n, s in SHAPES.items()} for _ in range(steps)]


def test_the_scale_of_the_gradient_does_not_matter(play: Callable[..., Any]) -> None:
    start, grads = problem(30)
    ours, _ = play(Adafactor(eps1=1e-30), start, grads, [0.02])
    scaled, _ = play(Adafactor(eps1=1e-30), start, [{n: 1e5 * g for n, g in gs.items()} for gs in grads], [0.02])
    for n in SHAPES:
        torch.testing.assert_close(ours[n], scaled[n], rtol=1e-10, atol=0)


def test_a_step_is_at_most_the_learning_rate_times_the_size_of_the_weights(play: Callable[..., Any]) -> None:
    start, grads = problem(1)
    ours, _ = play(Adafactor(), start, grads, [0.02])
    for n, p in start.items():
        assert (ours[n][0] - p).norm() <= 0.02 * p.norm() * (1 + 1e-12)


def test_the_cap_makes_all_large_learning_rates_alike_until_it_is_switched_off(play: Callable[..., Any]) -> None:
    start, grads = problem(5)
    capped, _ = play(Adafactor(), start, grads, [2.0, 10.0])
    free, _ = play(Adafactor(capped=False), start, grads, [2.0, 10.0])
    assert torch.equal(capped["matrix"][0], capped["matrix"][1])
    assert (free["matrix"][0] - free["matrix"][1]).norm() > 1


def test_a_matrix_keeps_one_row_and_one_column() -> None:
    state = Adafactor().init(torch.zeros(3, 4, 6))
    assert {n: tuple(v.shape) for n, v in state.items()} == {"rows": (3, 4, 1), "columns": (3, 1, 6)}
