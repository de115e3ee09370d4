from __future__ import annotations

import numpy as np
import pytest

from etude.analysis.edge import find_edge
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import wilson_interval

OPTIONS = SweepOptions()
X, OK = np.nan, 1.0


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
