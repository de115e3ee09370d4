from collections.abc import Callable

import numpy as np
import pytest

from etude.analysis.options import SweepOptions
from etude.analysis.race.forgiveness import forgiveness
from etude.analysis.race.tuned import tune
from etude.analysis.table import SweepTable

Make = Callable[..., SweepTable]
OPTIONS = SweepOptions(resamples=400)


def test_widths_are_those_of_parabolas_and_the_wider_is_told_from_the_narrower(make_valley: Make) -> None:
    rng = np.random.default_rng(0)
    levels = rng.normal(0, 0.01, 5)
    arms = {
        name: make_valley(rng, levels, curve=curve, noise=0.001) for name, curve in (("steep", 0.05), ("flat", 0.012))
    }
    found = forgiveness(tune(arms, "validation_loss", OPTIONS), OPTIONS)
    for name, curve in (("steep", 0.05), ("flat", 0.012)):
        # within max(0.02·0.4, 0.005·1.9) = 0.0095 of the floor
        assert found.basins[name].octaves == pytest.approx(2 * np.sqrt(0.0095 / curve), rel=0.25)
    (pair,) = found.pairs
    assert found.widest == "flat"
    assert (pair.first, pair.second, pair.resolved) == ("steep", "flat", True)
    assert pair.interval[0] < pair.difference < pair.interval[1]


def test_a_basin_that_reaches_the_end_of_its_grid_is_never_the_narrower(make_table: Make) -> None:
    x, noise = np.arange(-3.0, 4.0), 0.0005 * np.arange(4)
    wide = 0.4 + 0.002 * x[:, None] ** 2 + noise * (-1) ** np.arange(7)[:, None]
    short = np.array([0.402, 0.4, 0.402, 1.0])[:, None] + noise
    arms = tune({"wide": make_table(x, wide), "short": make_table(x[:4], short)}, "validation_loss", OPTIONS)
    found = forgiveness(arms, OPTIONS)
    assert found.basins["short"].open_left
    (pair,) = found.pairs
    assert pair.second == "wide"
    assert not pair.resolved
    assert pair.interval[0] == -np.inf


def test_an_arm_without_a_best_has_no_basin(make_valley: Make, make_table: Make) -> None:
    rng = np.random.default_rng(0)
    arms = {"a": make_valley(rng, np.zeros(3)), "dead": make_table([0, 1, 2], np.full((3, 3), np.nan))}
    found = forgiveness(tune(arms, "validation_loss", OPTIONS), OPTIONS)
    assert list(found.basins) == ["a"]
    assert found.pairs == []
    assert forgiveness(tune({"a": arms["dead"], "b": arms["dead"]}, "validation_loss", OPTIONS), OPTIONS).widest is None


@pytest.mark.parametrize(("seeds", "kinds"), [(3, 5), (5, 5)])
def test_basins_of_one_width_are_seldom_told_apart(seeds: int, kinds: int, make_valley: Make) -> None:
    rng, wrong = np.random.default_rng(1), 0
    options = SweepOptions(resamples=200)
    for _ in range(40):
        levels = rng.normal(0, 0.01, seeds)
        arms = {str(k): make_valley(rng, levels, curve=0.02, noise=0.003) for k in range(kinds)}
        wrong += any(p.resolved for p in forgiveness(tune(arms, "validation_loss", options), options).pairs)
    assert wrong <= 5  # of 40: beyond this with probability 0.03 at a true rate of 5 %
