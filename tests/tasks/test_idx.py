import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.core.errors import DataError
from etude.tasks.idx import read_idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx_bytes(values: np.ndarray, kind: str = "u1") -> bytes:
    header = bytes([0, 0, CODES[kind], values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(f">{kind}").tobytes()


TINY = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)


@given(
    kind=st.sampled_from(sorted(CODES)),
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    compress=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(tmp_path_factory, kind, shape, compress):
    values = (np.arange(np.prod(shape)) - (0 if kind == "u1" else 5)).reshape(shape).astype(kind)
    path = tmp_path_factory.mktemp("idx") / "file"
    content = idx_bytes(values, kind)
    path.write_bytes(gzip.compress(content) if compress else content)
    got = read_idx(path)
    assert got.dtype == np.dtype(kind)
    assert np.array_equal(got, values)


@pytest.mark.parametrize("compress", [False, True])
def test_a_file_truncated_anywhere_is_refused(tmp_path, compress):
    content = gzip.compress(idx_bytes(TINY)) if compress else idx_bytes(TINY)
    path = tmp_path / "file"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match=str(path)):
            read_idx(path)


def test_a_flipped_bit_in_a_compressed_file_never_changes_values(tmp_path):
    content = gzip.compress(idx_bytes(TINY), mtime=0)
    path = tmp_path / "file"
    refused = 0
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert np.array_equal(read_idx(path), TINY)  # bits of the time stamp and the like carry no data
        except DataError:
            refused += 1
    assert refused > 4 * len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is not an IDX file \(it begins with nothing\)"),
        (b"P5 28 28", r"is not an IDX file \(it begins with 50 35 20 32\)"),
        (bytes([0, 0, 10, 1, 0, 0, 0, 0]), "is not an IDX file"),
        (bytes([0, 0, 8, 0]), "is not an IDX file"),
        (bytes([0, 0, 8, 3, 0, 0]), "is truncated within its header \\(6 of 16 bytes\\)"),
        (idx_bytes(TINY)[:-1], r"is truncated \(27 of 28 bytes\)"),
        (idx_bytes(TINY) + b"\0", r"is too long \(29 of 28 bytes\)"),
        (bytes([0, 0, 8, 2]) + b"\xff" * 8, "is truncated"),
        (b"\x1f\x8bnonsense", "is a damaged or truncated gzip file"),
    ],
)
def test_what_is_no_idx_file_is_said(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DataError, match="absent cannot be read"):
        read_idx(tmp_path / "absent")
