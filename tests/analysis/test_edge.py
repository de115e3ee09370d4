from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from etude.analysis.edge import find_edge
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import wilson_interval
from etude.analysis.table import SweepTable
from etude.analysis.tipping import tipping_interval

OPTIONS = SweepOptions()
X, OK = np.nan, 1.0
FAR = 2 ** (2 / 3 * (stats.t.ppf(0.975, 2) - 1))
"""How far Student's interval reaches beyond two of three seeds that agree when the third is two octaves off, on its side."""


def test_the_edge_lies_between_the_last_that_held_and_the_first_that_did_not(table_of):
    table = table_of([0.1, 0.2, 0.4, 0.8], [[OK] * 3, [OK, OK, X], [X, X, OK], [X] * 3])
    edge = find_edge(table, OPTIONS)
    assert (edge.lower, edge.upper) == (0.2, 0.4)
    assert edge.estimate == pytest.approx(np.sqrt(0.08))
    assert (edge.onset, edge.certain, edge.reversal) == (0.2, 0.8, None)
    assert edge.diverged.tolist() == [0, 1, 2, 3]
    assert (edge.low[1], edge.high[1]) == pytest.approx(wilson_interval(1, 3))


def test_when_nothing_diverges_there_is_no_edge(table_of):
    edge = find_edge(table_of([0.1, 0.2], [[OK, OK], [OK, OK]]), OPTIONS)
    assert (edge.lower, edge.upper, edge.estimate, edge.onset, edge.certain) == (0.2, None, None, None, None)


def test_when_everything_diverges_the_edge_lies_below(table_of):
    edge = find_edge(table_of([0.1, 0.2], [[X, X], [X, X]]), OPTIONS)
    assert (edge.lower, edge.upper, edge.estimate, edge.certain) == (None, 0.1, None, 0.1)


def test_divergence_that_comes_and_goes_is_told_and_the_first_crossing_is_the_edge(table_of):
    table = table_of([0.1, 0.2, 0.4, 0.8, 1.6], [[OK] * 3, [X, X, OK], [OK] * 3, [X] * 3, [X] * 3])
    edge = find_edge(table, OPTIONS)
    assert (edge.lower, edge.upper, edge.reversal, edge.certain) == (0.1, 0.2, 0.4, 0.8)


def test_half_of_the_seeds_is_already_beyond(table_of):
    assert find_edge(table_of([0.1, 0.2], [[OK, OK], [OK, X]]), OPTIONS).upper == 0.2


def test_the_interval_spans_the_bracket_and_what_the_seeds_leave_open(table_of):
    edge = find_edge(table_of([0.1, 0.2, 0.4, 0.8], [[OK] * 4, [OK, OK, X, OK], [X, X, X, OK], [X] * 4]), OPTIONS)
    assert edge.seed_lower.tolist() == [0.2, 0.2, 0.1, 0.4]
    assert edge.seed_upper.tolist() == [0.4, 0.4, 0.2, 0.8]
    assert edge.interval == pytest.approx(tipping_interval(edge.seed_lower, edge.seed_upper))
    assert edge.interval[0] < edge.lower < edge.upper < edge.interval[1]
    assert edge.safe == edge.interval[0]


def test_the_interval_holds_the_bracket_even_where_single_seeds_lie_elsewhere(table_of):
    rows = [[OK] * 3, [X, X, OK], [OK] * 3, [OK] * 3, [X] * 3, [X] * 3]
    edge = find_edge(table_of([0.1, 0.2, 0.4, 0.8, 1.6, 3.2], rows), OPTIONS)
    assert (edge.lower, edge.upper) == (0.1, 0.2)
    assert edge.seed_upper.tolist() == [1.6] * 3
    assert edge.interval == (0.1, pytest.approx(1.6))


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_seeds_nothing_is_safe(table_of, seeds):
    edge = find_edge(table_of([0.1, 0.2], [[OK] * seeds, [X] * seeds]), OPTIONS)
    assert (edge.lower, edge.upper) == (0.1, 0.2)
    assert edge.interval == (0.0, np.inf)
    assert edge.safe is None


def test_runs_that_were_not_made_leave_a_seed_as_wide_as_its_neighbours(make_run):
    start = {"train_loss": 2.0}
    runs = [
        make_run(lr, seed, {"train_loss": 1.0}, start, diverged=lr > 0.3)
        for seed in range(3)
        for lr in (0.1, 0.2, 0.4, 0.8)
        if (lr, seed) not in {(0.2, 0), (0.4, 0)}
    ]
    edge = find_edge(SweepTable.of(runs), OPTIONS)
    assert (edge.seed_lower.tolist(), edge.seed_upper.tolist()) == ([0.1, 0.2, 0.2], [0.8, 0.4, 0.4])


@pytest.mark.parametrize(
    ("rows", "band"),
    [
        ([[OK] * 3, [OK] * 3, [X] * 3, [X] * 3], (0.2, 0.4)),
        ([[OK] * 3, [OK] * 3, [X, X, OK], [X, X, OK]], (0.2 / FAR, 0.8)),
        ([[OK, OK, X], [OK, OK, X], [X] * 3, [X] * 3], (0.1, 0.4 * FAR)),
        ([[OK] * 2, [OK] * 2, [X] * 2, [X] * 2], (0.2, 0.4)),
        ([[OK] * 3] * 4, None),
    ],
)
def test_the_band_to_draw_ends_where_anything_ran(table_of, rows, band):
    drawn = find_edge(table_of([0.1, 0.2, 0.4, 0.8], rows), OPTIONS).band
    assert drawn == (None if band is None else pytest.approx(band))
