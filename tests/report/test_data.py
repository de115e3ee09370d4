import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.message import Message
from etude.report.data import nearest, page_data
from etude.report.page import Curve, CurveFigure, LrFigure, Page, Series
from etude.report.sweep_data import curve_table, lr_table, thin

POSITIVE = st.floats(1e-6, 1e6)


@given(
    st.lists(st.one_of(POSITIVE, st.just(float("nan"))), min_size=1, max_size=300),
    st.integers(4, 40),
)
def test_thinning_keeps_ends_order_and_extremes_within_its_limit(values: list[float], keep: int) -> None:
    mean = np.array(values)
    curve = Curve(0.1, np.arange(float(len(mean))), mean, mean * 0.9, mean * 1.1)
    thinned = thin(curve, keep)
    assert len(thinned.steps) <= max(keep, len(mean) if len(mean) <= keep else 0)
    assert thinned.steps[0] == 0
    assert thinned.steps[-1] == len(mean) - 1
    assert (np.diff(thinned.steps) > 0).all()
    finite = mean[np.isfinite(mean)]
    if len(finite):
        assert np.nanmin(thinned.mean) == finite.min()
        assert np.nanmax(thinned.mean) == finite.max()
    assert thinned.low is not None
    np.testing.assert_array_equal(thinned.low, thinned.mean * 0.9)


def test_the_data_are_valid_json_without_nan(convergence: Page) -> None:
    data = page_data(convergence)
    text = json.dumps(data, allow_nan=False)
    kinds = [figure["kind"] for figure in json.loads(text)["figures"]]
    assert kinds == ["lr", "curve"]
    assert data["figures"][0]["series"][0]["mean"][-1] is None
    assert data["picked"] == 17


def test_the_table_behind_a_figure_has_a_row_for_each_learning_rate(convergence: Page) -> None:
    figure = convergence.figures[0]
    assert isinstance(figure, LrFigure)
    headings, rows = lr_table(figure)
    assert [h["en"] for h in headings] == ["η", "training, mean", "diverged / runs"]
    assert len(rows) == 24
    assert rows[0][0]["en"] == "0.0001"
    assert rows[0][2]["en"] == "0/5"
    assert [cell["zh"] for cell in rows[-1][1:]] == ["–", "5/5"]


def test_the_table_behind_curves_is_an_excerpt_that_keeps_first_and_last(convergence: Page) -> None:
    figure = convergence.figures[1]
    assert isinstance(figure, CurveFigure)
    headings, rows = curve_table(figure)
    assert [h["en"] for h in headings[1:3]] == ["step 0", "step 50"]
    assert headings[-1]["zh"] == "第 400 步"
    assert all(len(row) == len(headings) for row in rows)


def test_the_nearest_learning_rate_is_nearest_by_ratio() -> None:
    assert nearest([0.01, 0.1, 1.0], 0.04) == 1
    assert nearest([0.01, 0.1, 1.0], 0.03) == 0


def test_arrays_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"arrays of one length in Series, got \[3, 2, 3\]"):
        Series(Message("page.series.train"), np.zeros(3), low=np.zeros(2), high=np.zeros(3))
    with pytest.raises(ValueError, match="both low and high"):
        Series(Message("page.series.train"), np.zeros(3), low=np.zeros(3))


def test_a_mark_at_infinity_is_refused(convergence: Page) -> None:
    with pytest.raises(ValueError, match="leave out what is not known"):
        replace(convergence.figures[0], edge=(0.5, float("inf")))  # type: ignore[call-arg]
