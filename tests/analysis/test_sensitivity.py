from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.sensitivity import cell_lengths, sensitivity

GRID = np.array([1e-3, 1e-2, 1e-1])


@pytest.mark.parametrize(("losses", "expected"), [((4.5, 4.0, 9.0), 3.5 / 3), ((4.2, 4.0, 4.3), 0.5 / 3)])
def test_the_published_definition_is_met(losses, expected):
    assert float(sensitivity(GRID, np.array(losses), 7.0)) == pytest.approx(expected, abs=1e-9)


def test_a_diverged_run_costs_the_whole_descent_and_no_more():
    assert float(sensitivity(GRID, np.array([4.0, 4.0, np.nan]), 7.0)) == pytest.approx(1.0)
    assert float(sensitivity(GRID, np.array([4.0, 4.0, np.inf]), 7.0)) == pytest.approx(1.0)


def test_learning_rates_added_at_the_edge_do_not_count_double():
    coarse = np.geomspace(1e-4, 1, 200)
    fine = np.unique(np.concatenate([coarse, np.geomspace(0.1, 0.2, 300)]))

    def loss(lr):
        return np.where(lr < 0.15, (np.log10(lr) + 2) ** 2, 9.0)

    assert float(sensitivity(fine, loss(fine), 5.0)) == pytest.approx(
        float(sensitivity(coarse, loss(coarse), 5.0)), rel=0.02
    )


@given(st.lists(st.floats(0, 10), min_size=3, max_size=3), st.floats(0.1, 5))
def test_it_is_homogeneous_and_ignores_a_shift(losses, factor):
    base = float(sensitivity(GRID, np.array(losses), 7.0))
    assert float(sensitivity(GRID, factor * np.array(losses) + 1, factor * 7.0 + 1)) == pytest.approx(
        factor * base, abs=1e-9
    )
    assert base >= 0


def test_cells_of_an_even_grid_are_equal():
    np.testing.assert_allclose(cell_lengths(np.array([0.0, 2.0, 4.0, 6.0])), 2.0)
