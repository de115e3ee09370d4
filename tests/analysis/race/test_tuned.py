from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.options import SweepOptions
from etude.analysis.race.tuned import TunedArm, grid_slack, leave_one_out, tune
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError

X = np.arange(-3.0, 4.0)


def bowl(seeds: int = 3, centre: float = 0.0) -> np.ndarray:
    losses: np.ndarray = 0.4 + 0.05 * (X[:, None] - centre) ** 2 + 0.01 * np.arange(seeds)
    return losses


def test_each_seed_is_judged_where_the_others_are_best(make_table: Callable[..., SweepTable]) -> None:
    losses = np.array([[1.5, 1.5, 1.5], [0.5, 0.5, 0.8], [0.6, 0.6, 0.3], [1.5, 1.5, 1.5]])
    arm = tune(
        {"a": make_table([0, 1, 2, 3], losses), "b": make_table([0, 1, 2, 3], losses)},
        "validation_loss",
        SweepOptions(),
    )[0]
    assert arm.lr == 4.0
    assert arm.tuned.tolist() == [0.6, 0.6, 0.3]
    assert arm.chosen.tolist() == [4.0, 4.0, 2.0]
    assert arm.held_out.tolist() == [0.6, 0.6, 0.8]
    low, high = arm.interval(0.95)
    assert (low, high) == pytest.approx(
        (t_interval(arm.tuned)[0], max(t_interval(arm.tuned)[1], t_interval(arm.held_out)[1]))
    )


@given(st.integers(2, 6), st.integers(1, 6), st.integers(0, 1000))
def test_leaving_one_out_equals_the_loop_that_does_it(lrs: int, seeds: int, seed: int) -> None:
    losses = np.random.default_rng(seed).normal(size=(lrs, seeds))
    if seeds == 1:
        assert leave_one_out(losses).tolist() == [int(np.argmin(losses[:, 0]))]
        return
    slow = [int(np.argmin(np.delete(losses, j, axis=1).mean(axis=1))) for j in range(seeds)]
    assert leave_one_out(losses).tolist() == slow


@given(st.floats(-0.49, 0.49), st.floats(0.01, 5), st.floats(0.3, 2), st.floats(0.3, 2))
def test_the_slack_is_twice_the_depth_of_a_parabola_on_any_grid(
    at: float, curve: float, left: float, right: float
) -> None:
    x = np.array([-left, 0.0, right])
    level = 10 + curve * (x - at * min(left, right)) ** 2
    assert grid_slack(x, level) == pytest.approx(2 * curve * (at * min(left, right)) ** 2, abs=1e-9)


def test_beside_a_cliff_the_loss_may_fall_as_it_fell_before() -> None:
    assert grid_slack(np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.4, 2.3])) == pytest.approx(0.1)


@pytest.mark.parametrize("centre", [-3.0, 3.0])
def test_a_best_at_the_end_of_the_grid_may_hide_anything(centre: float, make_table: Callable[..., SweepTable]) -> None:
    arms = tune(
        {"a": make_table(X, bowl()), "b": make_table(X, bowl(centre=centre))}, "validation_loss", SweepOptions()
    )
    assert arms[0].objection is None
    assert np.isfinite(arms[0].slack)
    assert arms[1].slack == np.inf
    assert arms[1].objection is not None
    assert arms[1].objection.key == ("cannot_say.grid_low" if centre < 0 else "cannot_say.grid_high")


def test_an_arm_that_always_diverged_is_not_resolved(make_table: Callable[..., SweepTable]) -> None:
    arms = tune(
        {"a": make_table(X, bowl()), "b": make_table(X, np.full((7, 3), np.nan))}, "validation_loss", SweepOptions()
    )
    assert arms[1].objection is not None
    assert arms[1].objection.key == "cannot_say.diverged"
    assert arms[1].tuned == pytest.approx(2.3)


def test_a_race_needs_two_arms_on_the_same_seeds(make_table: Callable[..., SweepTable]) -> None:
    with pytest.raises(SpecError, match="needs at least two arms to compare, got 1"):
        tune({"a": make_table(X, bowl())}, "validation_loss", SweepOptions())
    with pytest.raises(SpecError, match=r"arms need the same seeds, got \(0, 1, 2\) \(a\) and \(0, 1\) \(b\)"):
        tune({"a": make_table(X, bowl()), "b": make_table(X, bowl(2))}, "validation_loss", SweepOptions())
    with pytest.raises(SpecError, match="no run of 'a' measured 'test_loss'"):
        tune({"a": make_table(X, bowl()), "b": make_table(X, bowl())}, "test_loss", SweepOptions())


def test_the_plain_result_flatters_and_the_held_out_one_does_not(
    race: Callable[..., list[TunedArm]],
) -> None:
    rng = np.random.default_rng(0)
    arms = [arm for _ in range(30) for arm in race([0.4] * 4, 4, rng, curve=0.0005, noise=0.02)]
    plain, held_out = (np.asarray([getattr(arm, name).mean() for arm in arms]) for name in ("tuned", "held_out"))
    error = plain.std() / np.sqrt(30)  # arms of one race share the level of their seeds
    assert plain.mean() < 0.4 - 2 * error
    assert held_out.mean() > 0.4 - error
