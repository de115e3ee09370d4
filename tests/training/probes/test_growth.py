"""Slopes of logarithms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import linregress

from etude.training.probes.growth import log_growth


@given(st.lists(st.floats(1e-12, 1e12), min_size=3, max_size=20))
def test_it_is_scipys_regression_of_the_logarithm(values: list[float]) -> None:
    assume(np.ptp(np.log10(values)) > 1e-3)
    expected = linregress(np.arange(len(values)), np.log10(values))
    found = log_growth(values)
    assert found.rate == pytest.approx(expected.slope, abs=1e-9)
    assert found.error == pytest.approx(expected.stderr, rel=1e-4, abs=1e-6)


def test_values_that_vanished_keep_their_place() -> None:
    assert log_growth([0.0, 1.0, float("nan"), 100.0]).rate == pytest.approx(1)


def test_too_few_values_say_nothing() -> None:
    assert math.isnan(log_growth([1.0, 0.0]).rate)
    assert log_growth([1.0, 10.0]).interval() == (-np.inf, np.inf)


def test_the_interval_covers_the_rate_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        low, high = log_growth(10 ** (0.1 * np.arange(8) + 0.2 * rng.standard_normal(8))).interval()
        hits += low <= 0.1 <= high
    assert 930 < hits < 970
