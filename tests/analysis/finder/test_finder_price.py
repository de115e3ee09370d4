"""What a named learning rate costs, on a sweep whose losses are known."""

import numpy as np
import pytest

from etude.analysis.finder.price import compare_prices, played, price


class Valley:
    """ℓ = 1 + level + (log10 η + 1)², three seeds with levels of their own, from 5 before training."""

    lrs = 10.0 ** np.arange(-3.0, 1.0, 0.5)

    def result(self, metric):
        assert metric == "validation_loss"
        return (np.log10(self.lrs)[:, None] + 1) ** 2 + 1 + np.array([0.0, 0.5, 1.0])

    def baseline(self, metric):
        assert metric == "validation_loss"
        return np.array([5.5, 5.5, 5.5])


def priced(name, lrs):
    return price(name, 1, np.array(lrs), Valley(), "validation_loss", 0.95)


def test_regret_is_the_share_of_the_attainable_descent_and_the_level_of_a_seed_cancels():
    assert priced("best", [0.1] * 3).regrets == pytest.approx(np.zeros(3), abs=1e-12)
    assert priced("far", [0.01, 0.01, 1.0]).regrets == pytest.approx(np.full(3, 1 / 4))


def test_between_learning_rates_losses_are_linear_in_their_logarithm_and_outside_as_at_the_end():
    assert priced("between", [10**-0.75] * 3).regrets == pytest.approx(np.full(3, 0.125 / 4))
    assert priced("outside", [1e-9] * 3).regrets == pytest.approx(np.full(3, 4 / 4))


def test_a_method_that_names_nothing_for_a_seed_is_judged_by_the_others():
    found = priced("some", [0.1, np.nan, 0.01])
    assert found.mean == pytest.approx(1 / 8)
    assert found.lr == pytest.approx(10**-1.5)


def test_methods_are_told_apart_where_every_seed_says_so_and_not_with_two_seeds():
    near, far = priced("near", [0.1, 0.12, 0.1]), priced("far", [0.001, 0.0012, 0.001])
    (pair,) = compare_prices([far, near], 0.95)
    assert (pair.first, pair.resolved) == ("near", True)
    few = [priced(p.name, [*p.lrs[:2], np.nan]) for p in (far, near)]
    assert not compare_prices(few, 0.95)[0].resolved


def test_a_ramp_ends_where_its_loss_explodes():
    losses = np.concatenate([np.full(15, 1.0), [0.5, 3.0, 9.0, 27.0, 81.0, 0.1]])
    assert 17 <= len(played(np.geomspace(1e-7, 10, 21), losses).losses) < 21
    assert len(played(np.geomspace(1e-7, 10, 21), np.ones(5)).lrs) == 5
