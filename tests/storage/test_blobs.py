"""Traces as rows: every bit comes back."""

import struct

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import StorageError
from etude.core.trace import Ending, Outcome, Trace
from etude.storage.blobs import row_trace, trace_row

bits = hnp.arrays(np.uint64, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=9))
arrays = bits.map(lambda a: a.view(np.float64))
columns = st.dictionaries(st.text(max_size=5), arrays, max_size=4)
outcomes = st.builds(Outcome, st.sampled_from(Ending), st.integers(0, 2**60), st.text(max_size=9))


def trace_bits(trace):
    sections = [
        {name: (a.shape, a.tobytes()) for name, a in part.items()} for part in (trace.per_step, trace.evaluations)
    ]
    return trace.spec_hash, trace.outcome, sections, {k: struct.pack("<d", v) for k, v in trace.final.items()}


@given(outcomes, columns, columns, st.dictionaries(st.text(max_size=5), st.floats(), max_size=4))
def test_any_trace_comes_back_bit_for_bit(outcome, per_step, evaluations, final):
    trace = Trace("run", outcome, per_step, evaluations, final)
    assert trace_bits(row_trace(trace_row(trace))) == trace_bits(trace)


def test_the_data_is_little_endian_float64():
    trace = Trace("run", Outcome(Ending.COMPLETED, 2), {"loss": np.array([1.0, -0.0])}, {}, {"x": float("nan")})
    row = trace_row(trace)
    assert row[4] == '[["final","x",[]],["per_step","loss",[2]]]'
    assert row[5] == bytes.fromhex("000000000000f87f000000000000f03f0000000000000080")


def test_not_run_diverged_and_not_a_number_stay_distinct():
    outcome = Outcome(Ending.DIVERGED, 1, "not finite")
    again = row_trace(
        trace_row(Trace("run", outcome, {"loss": np.array([np.nan, np.inf, -np.inf])}, {"step": np.zeros(0)}))
    )
    assert np.isnan(again.per_step["loss"][0])
    assert list(again.per_step["loss"][1:]) == [np.inf, -np.inf]
    assert "accuracy" not in again.per_step
    assert again.evaluations["step"].shape == (0,)
    assert again.outcome == outcome
    assert again.final == {}


def test_the_order_of_columns_makes_no_difference():
    one, two = np.ones(2), np.zeros(3)
    outcome = Outcome(Ending.COMPLETED, 2)
    assert trace_row(Trace("r", outcome, {"a": one, "b": two})) == trace_row(Trace("r", outcome, {"b": two, "a": one}))


def test_a_column_seen_through_a_stride_is_stored_as_seen():
    column = np.arange(12.0).reshape(3, 4)[:, 1]
    again = row_trace(trace_row(Trace("r", Outcome(Ending.COMPLETED, 3), {"loss": column})))
    assert list(again.per_step["loss"]) == [1.0, 5.0, 9.0]


def test_what_was_read_cannot_be_changed():
    again = row_trace(trace_row(Trace("r", Outcome(Ending.COMPLETED, 1), {"loss": np.ones(1)})))
    with pytest.raises(ValueError, match="read-only"):
        again.per_step["loss"][0] = 2


@pytest.mark.parametrize("dtype", [np.float32, np.int64, object])
def test_a_column_of_another_type_is_refused_by_name(dtype):
    with pytest.raises(StorageError, match=r"needs float64 columns, got .* in per_step\['loss'\] of run r"):
        trace_row(Trace("r", Outcome(Ending.COMPLETED, 1), {"loss": np.ones(1, dtype)}))


@pytest.mark.parametrize(
    "change",
    [
        {1: "asleep"},
        {4: "[]"},
        {4: '[["per_step","loss",[3]]]'},
        {4: '[["elsewhere","loss",[1]]]'},
        {4: "{"},
        {5: "text"},
    ],
)
def test_a_row_of_another_form_is_refused(change):
    row = list(trace_row(Trace("r", Outcome(Ending.COMPLETED, 1), {"loss": np.ones(1)})))
    for place, value in change.items():
        row[place] = value
    with pytest.raises(StorageError, match="the trace of run r is not in this version's form"):
        row_trace(tuple(row))
