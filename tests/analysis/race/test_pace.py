from collections.abc import Callable

import numpy as np
import pytest

from etude.analysis.convergence import first_crossing
from etude.analysis.options import SweepOptions
from etude.analysis.race.pace import paces
from etude.analysis.race.tuned import tune
from etude.analysis.table import SweepTable

Make = Callable[..., SweepTable]
X = np.arange(-2.0, 3.0)


def losses(floor: float) -> np.ndarray:
    out: np.ndarray = floor + 0.05 * X[:, None] ** 2 + 0.01 * np.arange(3)
    return out


def test_steps_are_counted_at_each_arms_own_peak_to_the_best_arms_target(make_table: Make) -> None:
    arms = {"quick": make_table(X, losses(0.4), 0.1), "slow": make_table(X, losses(0.5), 0.04)}
    found = paces(tune(arms, "train_loss", SweepOptions()), SweepOptions())
    assert found.target == pytest.approx(0.41 + 0.1 * (2.3 - 0.41))  # 90 % of the way down, means over seeds
    grid = np.arange(0.0, 101, 10)
    for arm, floor, rate in zip(found.arms, (0.4, 0.5), (0.1, 0.04), strict=True):
        own = [floor + 0.01 * j for j in range(3)]
        slow = [first_crossing(grid, f + (2.3 - f) * np.exp(-rate * grid), found.target) for f in own]
        assert arm.steps.tolist() == pytest.approx(slow)
        assert arm.mean == pytest.approx(np.mean(slow))
        assert arm.interval is not None
        assert arm.interval[0] < arm.mean < arm.interval[1]
    assert found.fastest is found.arms[0]


def test_an_arm_that_a_seed_keeps_from_the_target_never_gets_there(make_table: Make) -> None:
    arms = {"a": make_table(X, losses(0.4)), "b": make_table(X, losses(0.6))}
    found = paces(tune(arms, "train_loss", SweepOptions()), SweepOptions(target=0.605))
    assert found.chosen
    assert [arm.reached for arm in found.arms] == [3, 1]
    assert found.arms[1].mean == np.inf
    assert found.arms[1].interval is None
    nowhere = paces(tune(arms, "train_loss", SweepOptions()), SweepOptions(target=0.1))
    assert nowhere.fastest is None
