"""Learning rate and batch size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.scaling import linear_rule, square_root_rule

sizes = st.integers(1, 100_000)
rates = st.floats(1e-8, 1e3)


def test_four_times_the_batch_takes_four_or_two_times_the_learning_rate() -> None:
    assert linear_rule(0.1, 256, 1024) == pytest.approx(0.4)
    assert square_root_rule(0.1, 256, 1024) == pytest.approx(0.2)


@pytest.mark.parametrize("rule", [linear_rule, square_root_rule])
def test_a_rule_composes_and_is_undone_by_going_back(rule) -> None:
    @given(rates, sizes, sizes, sizes)
    def holds(lr: float, a: int, b: int, c: int) -> None:
        assert rule(rule(lr, a, b), b, c) == pytest.approx(rule(lr, a, c), rel=1e-12)
        assert rule(rule(lr, a, b), b, a) == pytest.approx(lr, rel=1e-12)

    holds()


@pytest.mark.parametrize("rule", [linear_rule, square_root_rule])
def test_values_out_of_range_are_refused(rule) -> None:
    with pytest.raises(SpecError, match="needs a batch size >= 1, got 0"):
        rule(0.1, 0, 8)
    with pytest.raises(SpecError, match="needs a batch size >= 1, got -8"):
        rule(0.1, 8, -8)
    with pytest.raises(SpecError, match="the learning rate > 0 and finite, got nan"):
        rule(float("nan"), 8, 8)
