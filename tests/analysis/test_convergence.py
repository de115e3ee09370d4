from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.convergence import default_target, first_crossing, steps_to_target
from etude.analysis.options import SweepOptions


@given(st.floats(0.05, 0.95))
def test_the_crossing_of_a_straight_line_is_found_exactly(target):
    steps = np.array([0.0, 10.0, 40.0, 100.0])
    assert first_crossing(steps, 1 - steps / 100, target) == pytest.approx(100 * (1 - target))


def test_a_curve_that_starts_below_the_target_needs_no_step_and_one_above_never_arrives():
    steps = np.array([0.0, 10.0])
    assert first_crossing(steps, np.array([0.5, 0.4]), 0.6) == 0.0
    assert first_crossing(steps, np.array([0.9, 0.8]), 0.6) == np.inf
    assert first_crossing(steps, np.array([np.nan, np.nan]), 0.6) == np.inf


def test_the_default_target_is_nine_tenths_of_the_best_descent(table_of):
    table = table_of([0.1, 0.2], [[1.0, 1.0], [0.4, 0.6]], initial=2.5)
    assert default_target(table, SweepOptions()) == pytest.approx(0.5 + 0.1 * 2.0)


def test_steps_are_counted_per_run_and_runs_that_never_arrive_count_as_infinite(table_of):
    table = table_of([0.1, 0.2, 0.4], [[1.5] * 3, [0.5, 0.5, np.nan], [np.nan] * 3], initial=2.0)
    found = steps_to_target(table, SweepOptions(target=0.6))
    assert found.reached.tolist() == [0, 2, 0]
    assert np.isinf(found.steps[[0, 2]]).all()
    assert found.fastest == 1
    assert found.median[1] == found.steps[1, 0]
    assert found.steps[1, 0] == pytest.approx(10 * np.log(15), abs=1.0)
    assert found.interval is None


def test_when_no_run_arrives_nothing_is_fastest(table_of):
    found = steps_to_target(table_of([0.1, 0.2], [[1.5] * 3, [1.4] * 3]), SweepOptions(target=0.6))
    assert found.fastest is None
    assert found.interval is None
