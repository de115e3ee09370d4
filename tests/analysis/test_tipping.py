from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from etude.analysis.tipping import tipping_brackets, tipping_interval

OUTCOMES = st.tuples(st.integers(1, 7), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.sampled_from([0, 1, 2]))
)
"""(L, S): 0 held, 1 diverged, 2 not run."""


def brackets(outcomes, lrs=None):
    lrs = 2.0 ** np.arange(len(outcomes)) if lrs is None else lrs
    return tipping_brackets(lrs, outcomes == 0, outcomes == 1)


@given(OUTCOMES)
def test_the_bracket_spans_the_cuts_that_contradict_the_fewest_runs(outcomes):
    lrs = 2.0 ** np.arange(len(outcomes))
    lower, upper = brackets(outcomes)
    for seed, column in enumerate(outcomes.T):
        wrong = [
            sum(o == 1 for o in column[:cut]) + sum(o == 0 for o in column[cut:]) for cut in range(len(column) + 1)
        ]
        cuts = [cut for cut, count in enumerate(wrong) if count == min(wrong)]
        assert lower[seed] == (lrs[cuts[0] - 1] if cuts[0] else 0)
        assert upper[seed] == (lrs[cuts[-1]] if cuts[-1] < len(lrs) else np.inf)


def test_a_seed_that_holds_below_and_diverges_above_tips_over_between():
    lower, upper = brackets(np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 1, 1]]))
    assert lower.tolist() == [8, 2, 0]
    assert upper.tolist() == [np.inf, 4, 1]


def test_one_stray_run_does_not_move_where_a_seed_tips_over():
    stray_failure, stray_success = [0, 1, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1, 0, 1]
    lower, upper = brackets(np.array([stray_failure, stray_success]).T)
    assert (lower[0], upper[0]) == (16, 32)
    assert lower[1] == 16


def test_the_interval_is_students_over_the_ends_of_the_brackets_in_log_lr():
    lower, upper = np.array([0.5, 0.7, 0.7, 1.1]), np.array([0.7, 1.1, 0.9, 1.6])
    low, high = tipping_interval(lower, upper, 0.9)
    expected = [stats.t.interval(0.9, 3, np.mean(x), stats.sem(x)) for x in (np.log2(lower), np.log2(upper))]
    assert np.log2([low, high]) == pytest.approx([expected[0][0], expected[1][1]])


@given(arrays(np.float64, (4, 2), elements=st.floats(-20, 20)), st.floats(0.01, 100), st.permutations(range(4)))
def test_the_interval_scales_with_the_learning_rates_and_seeds_have_no_order(octaves, factor, order):
    lower, upper = 2 ** np.sort(octaves, axis=1).T
    low, high = tipping_interval(lower, upper)
    other = tipping_interval(factor * lower[order], factor * upper[order])
    assert other == pytest.approx((factor * low, factor * high), rel=1e-6)


def test_where_the_seeds_agree_the_interval_is_the_bracket_and_not_less():
    assert tipping_interval(np.full(3, 0.5), np.full(3, 2.0)) == pytest.approx((0.5, 2.0))


def test_an_end_is_open_where_a_seed_did_not_tip_over_inside_the_range():
    low, high = tipping_interval(np.array([0.5, 0.5, 0.5]), np.array([1.0, 1.0, np.inf]))
    assert (low, high) == (0.5, np.inf)
    low, high = tipping_interval(np.array([0.0, 0.5, 0.5]), np.array([0.5, 1.0, 1.0]))
    assert low == 0
    assert 1.0 < high < 4.0


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_leave_both_ends_open(seeds):
    assert tipping_interval(np.full(seeds, 0.5), np.full(seeds, 1.0)) == (0.0, np.inf)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.02, 0.3])
@pytest.mark.parametrize("scatter", [0.0, 0.3])
def test_the_interval_holds_the_true_edge_and_is_little_wider_than_known_edges_would_make_it(seeds, spread, scatter):
    """Seeds' edges are lognormal about 1, and every run tips over on its own around its seed's edge."""
    rng = np.random.default_rng(seeds)
    held, widths = [], []
    for _ in range(200):
        octaves = np.arange(-3, 3, 0.2) + rng.uniform(0, 0.2)
        edges = spread * rng.normal(size=seeds) + scatter * rng.normal(size=(len(octaves), seeds))
        diverged = octaves[:, None] > edges
        low, high = tipping_interval(*tipping_brackets(2**octaves, ~diverged, diverged))
        held.append(low <= 1 <= high)
        widths.append(np.log2(high / low))
    assert np.mean(held) > 0.92
    known_edges = 2 * stats.t.ppf(0.975, seeds - 1) * np.hypot(spread, scatter) / np.sqrt(seeds)
    assert np.median(widths) < known_edges + 0.5
