"""Gradient descent and momentum on quadratics, where everything is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from etude.training.rules import SGD


def descend(rule: SGD, curvatures: Tensor, lrs: list[float], steps: int) -> Tensor:
    """Distances from the minimum after every step, (T, K), from a start at 1 in every direction."""
    w = torch.ones(len(lrs), len(curvatures), dtype=torch.float64)
    rates = torch.tensor(lrs, dtype=torch.float64)[:, None]
    state = rule.init(w)
    distances = []
    for t in range(steps):
        rule.update(w, curvatures * w, state, rates, t)
        distances.append(w.norm(dim=1))
    return torch.stack(distances)


@pytest.mark.parametrize(("beta", "steps"), [(0.0, 60_000), (0.5, 20_000), (0.9, 5_000), (0.99, 5_000)])
def test_the_edge_is_at_2_times_1_plus_beta_over_the_top_curvature_to_1e_4(beta: float, steps: int) -> None:
    edge = 2 * (1 + beta) / 10.0
    inside, outside = descend(SGD(momentum=beta), torch.tensor([10.0]).double(), [0.9999 * edge, 1.0001 * edge], steps)[
        -1
    ]
    assert inside < 1e-3
    assert outside > 1e3


def test_the_best_learning_rate_of_gradient_descent_is_2_over_the_sum_of_the_extreme_curvatures() -> None:
    curvatures = torch.logspace(-1, 1, 9, dtype=torch.float64)
    grid = [0.18 + 0.0005 * i for i in range(60)]
    distances = descend(SGD(), curvatures, grid, 800)
    best = int(distances[-1].argmin())
    assert grid[best] == pytest.approx(2 / 10.1, abs=0.00075)
    rate = (distances[-1, best] / distances[-401, best]).item() ** (1 / 400)
    assert rate == pytest.approx(9.9 / 10.1, rel=1e-3)


def test_heavy_ball_at_its_optimum_converges_at_the_root_of_beta() -> None:
    root_sum = math.sqrt(10.0) + math.sqrt(0.1)
    lr, beta = 4 / root_sum**2, ((math.sqrt(10.0) - math.sqrt(0.1)) / root_sum) ** 2
    assert (lr, beta) == (pytest.approx(0.330579, abs=1e-6), pytest.approx(0.669421, abs=1e-6))
    distances = descend(SGD(momentum=beta), torch.logspace(-1, 1, 9, dtype=torch.float64), [lr], 400)
    assert (distances[-1] / distances[199]).item() ** (1 / 200) == pytest.approx(0.81818, rel=0.01)


def test_momentum_under_a_constant_gradient_travels_the_closed_form(play_one: Callable[..., Tensor]) -> None:
    lr, beta, steps = 0.01, 0.9, 50
    grads = torch.ones(steps, 1, 1, dtype=torch.float64)
    end = play_one(SGD(momentum=beta), torch.zeros(1, dtype=torch.float64), grads, [lr])
    expected = lr / (1 - beta) * (steps - beta * (1 - beta**steps) / (1 - beta))
    assert -end.item() == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(4.10463840, abs=1e-8)
