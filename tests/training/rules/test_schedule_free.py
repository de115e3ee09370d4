"""Schedule-free averaging."""

from __future__ import annotations

import pytest
import torch

from etude.training.rules import ScheduleFreeAdamW, ScheduleFreeSGD


@pytest.mark.parametrize("rule", [ScheduleFreeSGD(), ScheduleFreeSGD(beta=0.3), ScheduleFreeAdamW(beta1=0.95)])
def test_at_a_constant_learning_rate_the_average_is_the_mean_of_all_steps(
    rule: ScheduleFreeSGD | ScheduleFreeAdamW,
) -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    rates = torch.tensor([[0.1], [0.7]], dtype=torch.float64)
    state = rule.init(y)
    points = []
    for t in range(60):
        rule.update(y, torch.randn(2, 5, generator=generator, dtype=torch.float64), state, rates, t)
        points.append(state["z"].clone())
    torch.testing.assert_close(rule.evaluation(y, state), torch.stack(points).mean(0), rtol=1e-12, atol=1e-13)


def test_steps_count_by_the_square_of_the_learning_rate_during_warm_up() -> None:
    rule, y = ScheduleFreeSGD(), torch.zeros(1, 1, dtype=torch.float64)
    state = rule.init(y)
    points = []
    lrs = [0.0, 0.1, 0.2, 0.4, 0.3]
    for t, lr in enumerate(lrs):
        rule.update(y, torch.ones_like(y), state, torch.full((1, 1), lr, dtype=torch.float64), t)
        points.append(state["z"].item())
    weights = [0.0, 0.01, 0.04, 0.16, 0.16]  # the largest so far counts, also when the learning rate falls again
    expected = sum(w * z for w, z in zip(weights, points, strict=True)) / sum(weights)
    assert rule.evaluation(y, state).item() == pytest.approx(expected, rel=1e-12)
