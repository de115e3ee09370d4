"""Ratios of means against simulation and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.ratio import noise_scale, pooled_q, ratio_of_means


def test_the_interval_covers_the_true_ratio_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        b = 1 + 0.8 * rng.standard_normal(12)
        a = 3 * b + 1.5 * rng.standard_normal(12)
        _, (low, high) = ratio_of_means(a, b)
        hits += low <= 3 <= high
    assert 0.94 < hits / 2000 < 0.96


def test_the_mean_of_ratios_is_biased_and_the_ratio_of_means_is_not() -> None:
    rng = np.random.default_rng(1)
    b = 1 + 0.25 * rng.standard_normal(100_000)
    value, (low, high) = ratio_of_means(np.full(100_000, 2.0), b)
    assert low < 2 < high
    assert value == pytest.approx(2, rel=0.005)
    assert np.mean(2 / b) > 2.1


def test_a_denominator_that_may_be_zero_leaves_only_a_lower_bound() -> None:
    _, (low, high) = ratio_of_means(np.array([10.0, 11.0, 9.0, 10.0]), np.array([1.0, -1.0, 0.5, -0.4]))
    assert high == np.inf
    assert low > 0
    _, (low, high) = ratio_of_means(-np.array([10.0, 11.0, 9.0, 10.0]), np.array([1.0, -1.0, 0.5, -0.4]))
    assert low == -np.inf
    assert high < 0


def test_where_neither_mean_is_resolved_nothing_is_said() -> None:
    _, interval = ratio_of_means(np.array([1.0, -1.0, 0.5, -0.4]), np.array([-1.0, 1.0, 0.7, -0.6]))
    assert interval == (-np.inf, np.inf)


def test_pairs_that_are_not_finite_are_left_out() -> None:
    a, b = np.array([2.0, np.nan, 4.0, 3.0]), np.array([1.0, 1.0, 2.0, np.inf])
    assert ratio_of_means(a, b)[0] == 2
    assert np.isnan(ratio_of_means(a[1:2], b[1:2])[0])
    assert ratio_of_means(a[:1], b[:1]) == (2, (-np.inf, np.inf))


@given(st.floats(0.1, 10), st.floats(-10, -0.1))
def test_units_of_both_parts_only_rescale_the_answer(up: float, down: float) -> None:
    a, b = np.array([5.0, 6.0, 7.0, 4.0]), np.array([2.0, 3.0, 2.5, 2.2])
    value, (low, high) = ratio_of_means(a, b)
    scaled, ends = ratio_of_means(up * a, down * b)
    assert scaled == pytest.approx(value * up / down)
    assert ends == pytest.approx(sorted((low * up / down, high * up / down)))


def test_q_of_updates_that_may_not_go_downhill_is_bounded_from_below_only() -> None:
    slopes, curvatures = np.array([-1.0, 0.8, -0.5, 0.6, -0.2]), np.array([2.0, 2.2, 1.8, 2.1, 1.9])
    q, (low, high) = pooled_q(slopes, curvatures)
    assert 1 < low < q
    assert high == np.inf
    _, (low, high) = pooled_q(slopes - slopes.mean() + 0.05, curvatures)  # uphill on average, but not resolved
    assert low > 1
    assert high == np.inf


def test_a_noise_scale_whose_signal_is_not_resolved_is_bounded_from_below_only() -> None:
    scale, (low, high) = noise_scale(np.array([100.0, 110.0, 90.0, 95.0]), np.array([1.0, -0.5, 0.4, -1.2]))
    assert scale < 0
    assert low > 10
    assert high == np.inf
