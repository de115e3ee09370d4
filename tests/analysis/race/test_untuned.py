from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from etude.analysis.options import SweepOptions
from etude.analysis.race.tuned import tune
from etude.analysis.race.untuned import regrets_at
from etude.analysis.table import SweepTable

Make = Callable[..., SweepTable]
X = np.arange(-3.0, 4.0)
OPTIONS = SweepOptions(resamples=1)


def bowl(centre: float, floor: float = 0.4, seeds: int = 3) -> np.ndarray:
    losses: np.ndarray = floor + 0.05 * (X[:, None] - centre) ** 2 * (1 + 0.1 * np.arange(seeds))
    return losses


def test_the_regret_of_a_default_is_that_of_the_paired_test(make_table: Make) -> None:
    arms = tune({"a": make_table(X, bowl(-1)), "b": make_table(X, bowl(1))}, "validation_loss", OPTIONS)
    (own,) = regrets_at(arms, {"a": 2.0}, 0.95)
    regrets = 0.05 * 4 * np.array([1.0, 1.1, 1.2])
    assert own.pair.difference == pytest.approx(regrets.mean())
    assert own.pair.p == pytest.approx(ttest_1samp(regrets, 0).pvalue)
    oracle = ttest_1samp(regrets, 0).confidence_interval(0.95)
    assert own.pair.interval[0] == pytest.approx(oracle.low)
    assert own.pair.interval[1] == pytest.approx(oracle.high + arms[0].slack)
    assert own.pair.resolved


def test_two_defaults_are_corrected_together(make_table: Make) -> None:
    arms = tune({"a": make_table(X, bowl(-1)), "b": make_table(X, bowl(1))}, "validation_loss", OPTIONS)
    a, b = regrets_at(arms, {"a": 2.0, "b": 2.0}, 0.95)
    assert a.pair.corrected == pytest.approx(2 * a.pair.p)
    assert b.pair.difference == pytest.approx(0)
    assert not b.pair.resolved


def test_another_rule_is_held_against_the_tuned_one(make_table: Make) -> None:
    arms = tune({"a": make_table(X, bowl(-1)), "b": make_table(X, bowl(1, 0.5))}, "validation_loss", OPTIONS)
    (own,) = regrets_at(arms, {"b": 2.0}, 0.95, against=arms[0])
    assert (own.pair.first, own.pair.second) == ("a", "b")
    assert own.pair.difference == pytest.approx(0.1)
    assert own.mean == pytest.approx(0.5)


def test_what_was_not_run_near_its_default_is_left_out(make_table: Make) -> None:
    at_the_end = make_table(X, bowl(5))
    arms = tune({"a": make_table(X, bowl(-1)), "b": at_the_end}, "validation_loss", OPTIONS)
    assert regrets_at(arms, {"a": 100.0}, 0.95) == []
    # The best of b lies at an end of its grid, so its own regret is not known; another's best is.
    assert regrets_at(arms, {"b": 2.0}, 0.95) == []
    assert [own.name for own in regrets_at(arms, {"b": 2.0}, 0.95, against=arms[0])] == ["b"]


def test_chance_alone_is_seldom_taken_for_a_price(make_valley: Callable[..., SweepTable]) -> None:
    """The tuned loss is the least of many, so a default as good as it looks worse; that must not be resolved."""
    rng, races, false = np.random.default_rng(5), 60, 0
    for _ in range(races):
        levels = rng.normal(0, 0.02, 5)
        flat = {name: make_valley(rng, levels, curve=0.0) for name in "abcd"}
        arms = tune(flat, "validation_loss", OPTIONS)
        usual = {arm.name: float(arm.table.lrs[4]) for arm in arms}
        false += any(own.pair.resolved for own in regrets_at(arms, usual, 0.95))
    assert false <= 5  # of which 5 % are 3
