"""Errors of a mean whose entries depend on one another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import t as student

from etude.analysis.alignment import column_mean


def rejected(correlation: float, runs: int = 1500, n: int = 400) -> tuple[float, float]:
    """How often |t| says "not zero" at 5 % of a zero-mean autoregression: by batch means, and taking entries as independent."""
    rng = np.random.default_rng(0)
    ours = naive = 0
    for _ in range(runs):
        column = lfilter([1], [1, -correlation], rng.standard_normal(n + 100))[100:]
        found = column_mean(column)
        ours += abs(found.t) > student.ppf(0.975, found.batches - 1)
        naive += abs(column.mean() / (column.std(ddof=1) / np.sqrt(n))) > 1.96
    return ours / runs, naive / runs


def test_independent_entries_are_judged_at_the_stated_level() -> None:
    assert rejected(0.0)[0] == pytest.approx(0.05, abs=0.02)


def test_dependent_entries_are_judged_near_the_stated_level_where_the_plain_error_fails() -> None:
    ours, naive = rejected(0.6)
    assert ours < 0.09
    assert naive > 0.25


def test_the_interval_is_students() -> None:
    column = np.repeat([1.0, 2.0, 3.0, 6.0], 4)
    found = column_mean(column)
    assert (found.mean, found.batches, found.length) == (3.0, 4, 4)
    half = student.ppf(0.975, 3) * np.std([1, 2, 3, 6], ddof=1) / 2
    assert found.interval() == pytest.approx((3 - half, 3 + half))


def test_too_few_entries_say_nothing() -> None:
    assert column_mean(np.arange(15.0)) is None
    assert column_mean(np.full(100, np.nan)) is None


def test_what_is_not_finite_is_left_out_and_the_latest_entries_count() -> None:
    column = np.concatenate([[np.nan, 1e9], np.ones(16)])
    found = column_mean(column)
    assert found.mean == 1
    assert found.t == np.inf
    assert column_mean(np.zeros(16)).t == 0
