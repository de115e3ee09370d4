from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import t

from etude.analysis.options import SweepOptions
from etude.analysis.race.price import losses_at, prices
from etude.analysis.race.tuned import tune
from etude.analysis.table import SweepTable

Make = Callable[..., SweepTable]
X = np.arange(-3.0, 4.0)


def bowl(centre: float, seeds: int = 3, curve: float = 0.05) -> np.ndarray:
    losses: np.ndarray = 0.4 + curve * (X[:, None] - centre) ** 2 * (1 + 0.1 * np.arange(seeds))
    return losses


def test_the_price_of_a_neighbour_is_read_off_the_valley(make_table: Make) -> None:
    arms = tune(
        {"a": make_table(X, bowl(-1)), "b": make_table(X, bowl(1, curve=0.1))}, "validation_loss", SweepOptions()
    )
    found = prices(arms)
    assert found.lrs.tolist() == [0.5, 2.0]
    paid = 0.05 * 4 * np.array([1.0, 1.1, 1.2])
    np.testing.assert_allclose(found.regret, [[0, paid.mean()], [2 * paid.mean(), 0]], atol=1e-12)
    half = t.ppf(0.975, 2) * paid.std(ddof=1) / np.sqrt(3)
    assert found.low[0, 1] == pytest.approx(paid.mean() - half)
    assert found.high[0, 1] == pytest.approx(paid.mean() + half)
    assert found.worst == (1, 0)
    wide = t.ppf(1 - 0.025 / 2, 2) * 2 * paid.std(ddof=1) / np.sqrt(3)  # the larger of two
    assert found.worst_interval == pytest.approx((2 * paid.mean() - wide, 2 * paid.mean() + wide))


def test_between_its_learning_rates_an_arm_is_read_on_a_line_in_log_lr(make_table: Make) -> None:
    table = make_table([0, 1], [[1.0, 2.0], [2.0, 1.0]])
    assert losses_at(table, "validation_loss", 2**0.25).tolist() == pytest.approx([1.25, 1.75])


def test_beyond_its_grid_an_arm_is_read_only_nearby(make_table: Make) -> None:
    table = make_table([0, 1], [[1.0, 2.0], [2.0, 1.5]])
    assert losses_at(table, "validation_loss", 2**1.25).tolist() == [2.0, 1.5]
    assert np.isnan(losses_at(table, "validation_loss", 2**1.5)).all()
    arms = tune({"a": make_table(X, bowl(0)), "b": make_table(X + 8, bowl(0))}, "validation_loss", SweepOptions())
    found = prices(arms)
    assert np.isnan(found.regret[0, 1])
    assert found.worst is None


def test_a_diverged_run_counts_as_its_initial_loss(make_table: Make) -> None:
    losses = bowl(-1)
    losses[X >= 1] = np.nan
    arms = tune({"a": make_table(X, losses), "b": make_table(X, bowl(1))}, "validation_loss", SweepOptions())
    assert prices(arms).losses[0, 1] == pytest.approx(2.3)


def test_a_price_that_one_seed_pays_gives_way_to_one_that_all_pay(make_table: Make) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1e-4, (7, 5))
    fragile = bowl(-1, 5) + noise
    fragile[X == 1, 0] = np.nan  # one seed diverges where b is best, and pays more than all others together
    tables = {
        "a": make_table(X, fragile),
        "b": make_table(X, bowl(1, 5) + noise),
        "c": make_table(X, bowl(0, 5) + noise),
    }
    found = prices(tune(tables, "validation_loss", SweepOptions()))
    assert np.unravel_index(np.argmax(found.regret), (3, 3)) == (0, 1)
    assert found.worst == (1, 0)
    assert found.worst_interval is not None
    assert found.worst_interval[0] > 0
