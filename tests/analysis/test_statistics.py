from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from etude.analysis.statistics import (
    block_test,
    means,
    percentile_interval,
    rank_correlation_interval,
    resample_seeds,
    resampled_interval,
    resampled_means,
    spearman,
    t_interval,
    wilson_interval,
)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_limits_equal_scipys(counts, confidence):
    successes, trials = counts
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, trials, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_trials_any_probability_is_possible():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12))
def test_t_limits_equal_scipys(values):
    d = np.asarray(values)
    if d.std() > 1e-6:
        expected = stats.ttest_1samp(d, 0.0).confidence_interval(0.9)
        assert t_interval(d, 0.9) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


def test_pairs_that_were_not_run_are_left_out_of_a_t_interval():
    assert t_interval(np.array([1.0, np.nan, 2.0, 3.0])) == t_interval(np.array([1.0, 2.0, 3.0]))
    assert t_interval(np.array([1.0, np.nan])) == (-np.inf, np.inf)


@given(st.lists(st.integers(0, 4), min_size=3, max_size=8), st.lists(st.integers(0, 4), min_size=3, max_size=8))
def test_rank_correlation_equals_scipys_ties_included(a, b):
    n = min(len(a), len(b))
    x, y = np.asarray(a[:n], dtype=float), np.asarray(b[:n], dtype=float)
    if x.std() > 0 and y.std() > 0:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    else:
        assert np.isnan(spearman(x, y))


def test_two_pairs_have_no_rank_correlation():
    assert np.isnan(spearman(np.array([1.0, 2.0, np.nan]), np.array([1.0, 2.0, 3.0])))


def test_resampled_means_equal_a_plain_loop():
    values = np.array([[1.0, 2.0, 4.0], [0.0, 3.0, 5.0]])
    counts = resample_seeds(3, 40)
    for drawn, row in zip(counts, resampled_means(values, counts), strict=True):
        seeds = np.repeat(np.arange(3), drawn)
        assert len(seeds) == 3
        for loss, mean in zip(values, row, strict=True):
            assert mean == pytest.approx(loss[seeds].mean())


def test_a_row_that_lacks_seeds_is_referred_to_those_that_have_all():
    values = np.array([[1.0, 2.0, 4.0], [1.5, 3.0, 4.0], [np.nan, 3.0, 5.0], [np.nan, np.nan, np.nan]])
    effect = np.median([[1 - 7 / 3, 2 - 7 / 3, 4 - 7 / 3], [1.5 - 8.5 / 3, 3 - 8.5 / 3, 4 - 8.5 / 3]], axis=0)
    counts = resample_seeds(3, 40)
    assert (counts[:, 1:].sum(axis=1) == 0).any(), "some resample has neither seed of the third row"
    for drawn, row in zip(counts, resampled_means(values, counts), strict=True):
        seeds = np.repeat(np.arange(3), drawn)
        own = seeds[seeds > 0] if (seeds > 0).any() else np.array([1, 2])
        assert row[2] == pytest.approx((values[2] - effect)[own].mean() + effect[seeds].mean())
        assert row[3] == np.inf


def test_a_good_seed_does_not_make_the_learning_rate_that_has_it_alone_look_good():
    seeds = np.array([-0.5, 0.1, 0.4])
    values = np.array([[1.0, 1.0, 1.0], [1.2, 1.2, 1.2]]) + seeds
    values[1, 1:] = np.nan
    assert values[1, 0] < means(values[:1])[0]
    assert means(values) == pytest.approx([1.0, 1.2])


def test_resampling_is_the_same_each_time():
    np.testing.assert_array_equal(resample_seeds(5, 100, 3), resample_seeds(5, 100, 3))
    assert (resample_seeds(5, 100, 3) != resample_seeds(5, 100, 4)).any()


@pytest.mark.parametrize("seeds", [5, 10, 30])
def test_the_expanded_percentile_interval_covers_a_mean_as_often_as_it_says(seeds):
    rng = np.random.default_rng(0)
    counts = resample_seeds(seeds, 1000)
    covered = 0
    for _ in range(400):
        means = resampled_means(rng.normal(size=(1, seeds)), counts)[:, 0]
        low, high = percentile_interval(means, means, seeds)
        covered += low <= 0 <= high
    assert 0.91 <= covered / 400 <= 0.99


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_with_few_seeds_the_resampled_interval_is_students(seeds):
    values = np.random.default_rng(1).normal(size=(1, seeds))
    means = resampled_means(values, resample_seeds(seeds, 40_000))[:, 0]
    assert resampled_interval(means, means, seeds) == pytest.approx(t_interval(values[0]), rel=0.03, abs=0.03)


def test_the_bootstrap_of_many_seeds_converges_to_the_normal_interval():
    values = np.random.default_rng(0).normal(size=(1, 400))
    means = resampled_means(values, resample_seeds(400, 4000))[:, 0]
    low, high = percentile_interval(means, means, 400)
    expected = t_interval(values[0])
    assert (low, high) == pytest.approx(expected, abs=0.1 * (expected[1] - expected[0]))


def test_one_seed_has_no_interval():
    assert percentile_interval(np.ones(10), np.ones(10), 1) == (-np.inf, np.inf)


@given(st.integers(0, 10**6), st.integers(3, 7), st.integers(2, 8))
def test_the_block_test_rests_on_scipys_friedman_statistic(salt, rows, seeds):
    values = np.random.default_rng(salt).integers(0, 6, (rows, seeds)).astype(float)
    chi2 = stats.friedmanchisquare(*values).statistic
    if np.isfinite(chi2) and chi2 < seeds * (rows - 1) - 1e-6:
        f = (seeds - 1) * chi2 / (seeds * (rows - 1) - chi2)
        assert block_test(values) == pytest.approx(stats.f.sf(f, rows - 1, (rows - 1) * (seeds - 1)), abs=1e-9)


def test_the_block_test_is_sure_of_a_perfect_order_and_knows_nothing_of_ties():
    assert block_test(np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])) == 0.0
    assert block_test(np.ones((3, 4))) == 1.0


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_block_test_errs_as_often_as_it_says(seeds):
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 3, (500, 1, seeds))
    p = np.array([block_test(v) for v in rng.normal(size=(500, 14, seeds)) + shared])
    assert 0.02 <= (p < 0.05).mean() <= 0.08


def test_the_interval_of_a_rank_correlation_covers_it_and_knows_nothing_from_three_pairs():
    rng = np.random.default_rng(3)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's rho of a normal pair with correlation 0.6
    covered = 0
    for _ in range(400):
        a, noise = rng.normal(size=(2, 20))
        low, high = rank_correlation_interval(spearman(a, 0.6 * a + 0.8 * noise), 20)
        covered += low <= truth <= high
    assert covered / 400 > 0.91
    assert rank_correlation_interval(1.0, 3) == (-1.0, 1.0)
