from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etude.analysis.basin import find_basin, interpolated, tolerated
from etude.analysis.options import SweepOptions


def test_the_ends_lie_where_the_line_between_neighbours_meets_the_threshold(table_of):
    table = table_of([1.0, 2.0, 4.0, 8.0], [[1.1] * 3, [1.0] * 3, [1.04] * 3, [2.0] * 3], initial=3.0)
    basin = find_basin(table, "train_loss", SweepOptions(tolerance=0.02, floor=0.0))
    assert basin.threshold == pytest.approx(1.02)
    assert basin.left_octaves == pytest.approx(0.2)
    assert basin.right_octaves == pytest.approx(0.5)
    assert basin.octaves == pytest.approx(0.7)
    assert not basin.open_left
    assert not basin.open_right


def test_a_diverged_neighbour_ends_the_basin(table_of):
    table = table_of([1.0, 2.0, 4.0], [[1.0] * 3, [1.0] * 3, [np.nan] * 3], initial=3.0)
    basin = find_basin(table, "train_loss", SweepOptions(tolerance=0.02, floor=0.0))
    assert basin.right == pytest.approx(2 * 2 ** (0.02 / 2))
    assert basin.open_left
    assert basin.left == 1.0


def test_losses_of_many_decades_are_one_basin_once_the_descent_is_over(table_of):
    rows = [[1.0] * 3, [1e-2] * 3, [1e-3] * 3, [1e-5] * 3, [np.nan] * 3]
    basin = find_basin(table_of([1.0, 2.0, 4.0, 8.0, 16.0], rows, initial=2.3), "train_loss", SweepOptions())
    assert 1.9 < basin.left < 2.0
    assert 8.0 < basin.right < 8.1


def test_a_second_valley_is_counted_but_not_joined(table_of):
    rows = [[1.0] * 2, [2.0] * 2, [1.01] * 2, [2.0] * 2]
    basin = find_basin(table_of([1.0, 2.0, 4.0, 8.0], rows, initial=3.0), "train_loss", SweepOptions())
    assert basin.right < 2.0
    assert basin.elsewhere == 1


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_intervals_of_the_ends_cover_the_truth(valley, table_of, seeds):
    x = np.linspace(-9, -2, 7001)
    options = SweepOptions(resamples=500)
    lrs = np.geomspace(1e-3, 0.2, 24)
    true = np.mean([valley.loss(x - s) for s in np.random.default_rng(1).normal(0, 0.15, 400)], axis=0)
    inside = x[true <= tolerated(true.min(), 2.0, options)]
    covered = []
    for repetition in range(60):
        rng = np.random.default_rng(repetition)
        shift = rng.normal(0, 0.15, seeds)
        losses = valley.loss(np.log2(lrs)[:, None] - shift)
        basin = find_basin(table_of(lrs.tolist(), losses.tolist()), "train_loss", options)
        assert basin.left_interval is not None
        assert basin.right_interval is not None
        left = basin.left_interval[0] <= 2 ** inside[0] <= basin.left_interval[1]
        covered.append((left, basin.right_interval[0] <= 2 ** inside[-1] <= basin.right_interval[1]))
    assert np.mean(covered, axis=0).min() >= 0.85


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(st.floats(0.0, 1.9), min_size=3, max_size=8), st.floats(0.001, 0.2))
def test_a_larger_tolerance_never_narrows_the_basin(table_of, losses, tolerance):
    table = table_of((2.0 ** np.arange(len(losses))).tolist(), [[loss, loss] for loss in losses])
    narrow = find_basin(table, "train_loss", SweepOptions(tolerance=tolerance, resamples=2))
    wide = find_basin(table, "train_loss", SweepOptions(tolerance=2 * tolerance, resamples=2))
    assert wide.left <= narrow.left <= narrow.best <= narrow.right <= wide.right


def test_interpolation_meets_the_points_and_the_middle():
    x, level = np.array([0.0, 1.0, 3.0]), np.array([[1.0, 2.0, 6.0]])
    assert [float(interpolated(x, level, at)[0]) for at in (0.0, 1.0, 2.0, 3.0)] == [1.0, 2.0, 4.0, 6.0]
