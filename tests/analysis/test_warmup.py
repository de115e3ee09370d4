"""What a warm-up allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.analysis.warmup import edge_shifts, step_lengths

LRS = np.geomspace(0.01, 10, 37)


def cliff(make_run, edges):
    """A sweep in which every seed diverges beyond an edge of its own."""
    runs = [
        make_run(lr, seed, {"train_loss": 0.5}, {"train_loss": 2.0}, diverged=bool(lr > edge))
        for lr in LRS
        for seed, edge in enumerate(edges)
    ]
    return SweepTable.of(runs)


def test_an_edge_four_times_as_high_is_two_octaves_further(make_run):
    edges = np.array([0.1, 0.13, 0.09, 0.11, 0.12])
    tables = {"without": cliff(make_run, edges), "with": cliff(make_run, 4 * edges)}
    (shift,) = edge_shifts(tables, "without", SweepOptions())
    assert shift.name == "with"
    assert shift.interval[0] < 2 < shift.interval[1]
    assert shift.octaves == pytest.approx(2, abs=0.28)
    assert shift.corrected < 0.05


def test_equal_edges_are_not_told_apart_whatever_the_grid(make_run):
    edges = np.array([0.1, 0.13, 0.09, 0.11, 0.12])
    (shift,) = edge_shifts(
        {"without": cliff(make_run, edges), "with": cliff(make_run, 1.02 * edges)}, "without", SweepOptions()
    )
    assert shift.corrected > 0.05
    assert shift.interval[0] < 0 < shift.interval[1]


def test_an_open_edge_allows_no_number(make_run):
    tables = {"without": cliff(make_run, [0.1, 0.1, 0.1]), "with": cliff(make_run, [99.0, 1.0, 1.0])}
    (shift,) = edge_shifts(tables, "without", SweepOptions())
    assert np.isnan(shift.octaves)
    assert shift.interval == (-np.inf, np.inf)


@given(scale=st.floats(1e-6, 1e6), rate=st.floats(1e-6, 10))
def test_step_lengths_have_no_unit(scale, rate):
    norms = np.array([[9.0, 4.0, 1.0, 1.0, 1.0, 1.0], [4.0, 1.5, 1.0, 1.0, 1.0, 1.0]])
    found = step_lengths(scale * rate * norms, np.full(6, rate), 0.95)
    assert found.first == pytest.approx(6.0)
    assert found.settled == pytest.approx(1.5)
    assert found.interval[0] < 6 < found.interval[1]


def test_a_decaying_learning_rate_is_divided_out():
    rates = np.geomspace(1, 1e-3, 50)
    found = step_lengths(np.tile(3 * rates, (3, 1)), rates, 0.95)
    assert found.ratio == pytest.approx(np.ones((3, 50)))
