import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.analysis.diagnosis.outliers import outliers


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_gaussian_noise_has_none(seed: int) -> None:
    assert not outliers(np.random.default_rng(seed).normal(size=400)).any()


def test_all_of_many_spikes_are_found_since_they_never_enter_the_window() -> None:
    x = np.random.default_rng(0).normal(size=500)
    at = np.arange(100, 400, 10)
    x[at] += 60
    assert np.flatnonzero(outliers(x)).tolist() == at.tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_one_outlier_and_no_more(bad: float) -> None:
    x = np.random.default_rng(0).normal(size=300)
    x[100] = bad
    assert np.flatnonzero(outliers(x)).tolist() == [100]


def test_a_new_level_is_not_a_spike() -> None:
    x = np.random.default_rng(0).normal(size=300)
    x[150:] += 50
    assert not outliers(x).any()


def test_scale_and_shift_change_nothing() -> None:
    x = np.random.default_rng(0).normal(size=300)
    x[[120, 130, 200]] += 40
    assert (outliers(3 * x - 7) == outliers(x)).all()
