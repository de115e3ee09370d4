from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from etude.analysis.options import SweepOptions
from etude.analysis.race.horizons import _rank_correlations, compare_horizons
from etude.analysis.race.tuned import TunedArm
from etude.core.errors import SpecError

OPTIONS = SweepOptions(resamples=300)
Race = Callable[..., list[TunedArm]]


def test_a_ranking_that_holds_has_rank_correlation_one_and_no_flips(race: Race) -> None:
    rng = np.random.default_rng(0)
    found = compare_horizons({50: race([0.4, 0.5, 0.6], 5, rng), 100: race([0.3, 0.35, 0.4], 5, rng)}, OPTIONS)
    (agreement,) = found.agreements
    assert (agreement.shorter, agreement.longer, agreement.rho) == (50, 100, pytest.approx(1.0))
    assert agreement.interval[0] > 0.9
    assert found.ranks == {"arm0": (1, 1), "arm1": (2, 2), "arm2": (3, 3)}
    assert found.flips == ()
    assert found.resolved == {("arm0", "arm1"), ("arm0", "arm2"), ("arm1", "arm2")}
    assert found.kept == 3


def test_an_order_that_turns_round_is_found_at_the_two_horizons(race: Race) -> None:
    rng = np.random.default_rng(0)
    found = compare_horizons({50: race([0.4, 0.5, 0.6], 5, rng), 100: race([0.4, 0.5, 0.3], 5, rng)}, OPTIONS)
    assert {(f.better_short, f.better_long) for f in found.flips} == {("arm0", "arm2"), ("arm1", "arm2")}
    assert found.kept == 1
    assert found.agreements[0].rho == pytest.approx(spearmanr([1, 2, 3], [2, 3, 1]).statistic)


def test_noise_leaves_the_rank_correlation_open(race: Race) -> None:
    rng = np.random.default_rng(2)
    found = compare_horizons({k: race([0.4] * 4, 5, rng, noise=0.02) for k in (50, 100)}, OPTIONS)
    low, high = found.agreements[0].interval
    assert low < 0
    assert high - low > 0.8
    assert found.flips == ()


def test_arms_and_seeds_must_be_the_same(race: Race) -> None:
    rng = np.random.default_rng(0)
    three, two = race([0.4, 0.5, 0.6], 3, rng), race([0.4, 0.5], 3, rng)
    with pytest.raises(SpecError, match="at least two horizons, got 1"):
        compare_horizons({50: three}, OPTIONS)
    with pytest.raises(SpecError, match="arms at 100 steps differ from those at 50"):
        compare_horizons({50: three, 100: two}, OPTIONS)
    with pytest.raises(SpecError, match="seeds at 100 steps differ from those at 50"):
        compare_horizons({50: three, 100: race([0.4, 0.5, 0.6], 4, rng)}, OPTIONS)


@given(st.integers(3, 8), st.integers(0, 10**6))
def test_rank_correlations_of_rows_are_those_of_scipy_ties_or_not(arms: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 5, (2, 6, arms)).astype(float)
    x[:, 0], y[:, 0] = -1, -1
    x[:, 1], y[:, 1] = 9, 9
    slow = [spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(_rank_correlations(x, y), slow, atol=1e-12)
