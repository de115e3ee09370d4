"""A trace as one row: a directory of its columns in JSON, and one blob of little-endian float64."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

import numpy as np

from etude.core.errors import StorageError
from etude.core.record import canonical
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.storage.rows import Row

_FLOAT64 = np.dtype("<f8")


def trace_row(trace: Trace) -> Row:
    """Row (run, ending, step, reason, columns, data) of a trace; equal traces give equal rows.

    ``columns`` lists [section, name, shape] in the order in which ``data`` holds their bytes. Floats never pass through
    SQLite's REAL, which turns NaN into NULL; so NaN (with its payload), ±inf and −0.0 come back bit for bit.

    Raises:
        StorageError: When a column is not float64: converting it here could change it silently.
    """
    directory: list[tuple[str, str, tuple[int, ...]]] = []
    parts: list[bytes] = []
    for section, name, array in _columns(trace):
        if array.dtype != np.float64:
            raise StorageError(
                f"needs float64 columns, got {array.dtype} in {section}[{name!r}] of run {trace.spec_hash}: convert it"
            )
        directory.append((section, name, array.shape))
        parts.append(array.astype(_FLOAT64, copy=False).tobytes())
    outcome = trace.outcome
    return (
        trace.spec_hash,
        str(outcome.ending),
        int(outcome.step),
        outcome.reason,
        canonical(directory),
        b"".join(parts),
    )


def row_trace(row: Row) -> Trace:
    """The trace of a row; its arrays are read-only.

    Raises:
        StorageError: When the row does not have the form that ``trace_row`` writes.
    """
    run, ending, step, reason, columns, data = row
    try:
        sections: dict[str, dict[str, Array]] = {"per_step": {}, "evaluations": {}, "final": {}}
        for section, name, array in _unpack(str(columns), data):
            sections[section][name] = array
        return Trace(
            spec_hash=str(run),
            outcome=Outcome(Ending(ending), int(step), str(reason)),
            per_step=sections["per_step"],
            evaluations=sections["evaluations"],
            final={name: float(array) for name, array in sections["final"].items()},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the trace of run {run} is not in this version's form ({error}): use the Étude that wrote the study"
        ) from error


def _columns(trace: Trace) -> Iterator[tuple[str, str, Array]]:
    sections: dict[str, Mapping[str, object]] = {
        "evaluations": trace.evaluations,
        "final": {name: np.float64(number) for name, number in trace.final.items()},
        "per_step": trace.per_step,
    }
    for section, columns in sections.items():
        for name in sorted(columns):
            yield section, name, np.asarray(columns[name])


def _unpack(columns: str, data: object) -> Iterator[tuple[str, str, Array]]:
    if not isinstance(data, bytes):
        raise TypeError(f"its data is {type(data).__name__}, not a blob")
    at = 0
    for section, name, shape in json.loads(columns):
        count = math.prod(shape)
        array = np.frombuffer(data, _FLOAT64, count, at).astype(np.float64, copy=False).reshape(shape)
        array.flags.writeable = False
        yield section, name, array
        at += count * _FLOAT64.itemsize
    if at != len(data):
        raise ValueError(f"{len(data)} bytes of data for {at} bytes of columns")
