"""Grids of learning rates and of a second axis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.studies.grids import parse_axis


def test_a_momentum_is_spaced_by_the_steps_that_it_averages_over():
    axis = parse_axis("momentum=0:0.999:4")
    assert axis.key == "momentum"
    assert 1 / (1 - np.array(axis.values)) == pytest.approx([1, 10, 100, 1000])


def test_a_batch_size_is_spaced_by_ratio_and_whole():
    axis = parse_axis("batch-size=16:128:4")
    assert axis.values == (16, 32, 64, 128)
    assert all(isinstance(value, int) for value in axis.values)


def test_anything_else_is_spaced_evenly_and_a_list_is_taken_as_it_is():
    assert parse_axis("d0=1:3:3").values == (1.0, 2.0, 3.0)
    assert parse_axis("weight_decay=0.01,0,0.001").values == (0.0, 0.001, 0.01)


@given(low=st.floats(1e-6, 0.4), width=st.floats(0.01, 0.5), count=st.integers(2, 20))
def test_an_axis_ascends_from_end_to_end(low, width, count):
    axis = parse_axis(f"momentum={low!r}:{low + width!r}:{count}")
    assert axis.values[0] == low
    assert axis.values[-1] == low + width
    assert list(axis.values) == sorted(set(axis.values))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("momentum", "a second axis is KEY=LOW:HIGH:N"),
        ("momentum=a:b:3", "write numbers"),
        ("momentum=0:0.9", "write numbers"),
        ("momentum=0.9:0:3", "needs LOW < HIGH"),
        ("momentum=0:0.9:1", "between 2 and 50 values"),
        ("momentum=0.9", "needs between 2 and 50 values of momentum, got 1"),
        ("=1:2:3", "a second axis is"),
    ],
)
def test_what_is_no_axis_is_told_with_the_way_to_write_one(text, why):
    with pytest.raises(SpecError, match=why):
        parse_axis(text)
