"""The declared rule: one run that fires each clause, and one beside it that must not."""

from __future__ import annotations

import numpy as np
import pytest

from etude.core.trace import Ending
from etude.training.divergence import judge


def ended(evaluated: list[float], losses: list[float] | None = None, exploded: int | None = None) -> tuple[Ending, str]:
    at = np.arange(len(evaluated), dtype=float) * 10
    outcome = judge(np.array(losses or evaluated, dtype=float), np.array(evaluated, dtype=float), at, exploded)
    return outcome.ending, outcome.reason


@pytest.mark.parametrize(
    "evaluated",
    [
        [2.3, 1.0, 0.4, 0.3],
        [2.3, 2.2999, 2.2998, 2.29985],  # far too small a learning rate, with noise
        [2.3, 1e-3, 3e-3],  # noise around a converged end
        [2.3, 0.4, 0.9],  # gave back less than half
        [0.0, 0.0],  # born at the minimum
        [-1.0, -5.0, -4.9],  # negative losses
    ],
)
def test_a_healthy_run_is_completed(evaluated: list[float]) -> None:
    assert ended(evaluated) == (Ending.COMPLETED, "")


@pytest.mark.parametrize(
    ("evaluated", "losses", "reason"),
    [
        ([2.3, 0.5, 1.5], None, "gave back"),
        ([2.3, 2.5, 4.0], None, "gave back"),
        ([2.3, float("nan")], None, "exploded"),
        ([2.35, 2.31, 2.30], [2.35, 900.0, 2.3], "never came back"),
    ],
)
def test_each_clause_fires(evaluated: list[float], losses: list[float] | None, reason: str) -> None:
    assert ended(evaluated, losses) == (Ending.DIVERGED, reason)


def test_a_catapult_that_comes_back_is_healthy() -> None:
    assert ended([2.35, 2.0, 0.3], [2.35, 500.0, 0.4])[0] is Ending.COMPLETED


def test_a_run_that_left_its_stack_diverged_at_that_step() -> None:
    outcome = judge(np.array([1.0, np.inf]), np.array([1.0]), np.array([0.0]), 1)
    assert (outcome.ending, outcome.step, outcome.reason) == (Ending.DIVERGED, 1, "exploded")


@pytest.mark.parametrize("eta", [1.01, 1.05, 1.3])
def test_gradient_descent_beyond_2_over_lambda_is_found_behind_nine_modes_that_converge(eta: float) -> None:
    rates = np.geomspace(0.01, 1.0, 10)
    modes = lambda t: 0.5 * rates * (1 - 2 * eta * rates) ** (2 * t)  # noqa: E731
    evaluated = [float(modes(t).sum()) for t in range(0, 101, 4)]
    assert ended(evaluated)[0] is Ending.DIVERGED
    inside = [float((0.5 * rates * (1 - 2 * 0.99 * rates) ** (2 * t)).sum()) for t in range(0, 101, 4)]
    assert ended(inside)[0] is Ending.COMPLETED
