"""A log in a CSV file: one column per quantity, blanks where a row has no such number."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from etude.core.errors import DataError
from etude.core.trace import Array
from etude.studies.diagnosis.columns import STEP, Log, meaning


def read_csv(path: Path) -> Log:
    """Read a CSV file with a heading; several rows may tell of one step, and columns without numbers are left out.

    Raises:
        DataError: When it is not text, has no heading or no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            head = stream.readline()
            delimiter = max(",;\t", key=head.count)
            stream.seek(0)
            heading, *rows = csv.reader(stream, delimiter=delimiter)
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): pass a CSV file") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} is not a text file of comma-separated values: pass a CSV file") from None
    except ValueError:
        raise DataError(f"{path} is empty: pass a CSV file with a heading and a row for each step") from None
    if not rows:
        raise DataError(f"{path} has a heading and no rows: pass a CSV file with a row for each step")
    names = [name.strip() for name in heading]
    table: dict[str, Array] = {}
    for i, name in enumerate(names):
        if name not in table:
            cells = [row[i] if i < len(row) else "" for row in rows]
            table[name] = _numbers(cells, decimal="." if delimiter == "," else ",")
    step = next((name for name in names if meaning(name) == STEP and _steps(table[name])), None)
    at = np.arange(len(rows), dtype=np.float64) if step is None else table[step]
    columns = {name: _told(at, values) for name, values in table.items() if name != step and name != "epoch"}
    return Log({name: column for name, column in columns.items() if len(column[0])}, counted=step is None)


def _numbers(cells: list[str], decimal: str) -> Array:
    """Cells as numbers; a blank is NaN with a mark of its own, as "nan" is a loss that was logged."""
    return np.array([_number(cell.strip().replace(decimal, ".")) for cell in cells])


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return _BLANK


def _told(at: Array, values: Array) -> tuple[Array, Array]:
    """Steps and values of the rows that have a number, in the order of the steps; of several for one step, the last."""
    there = values.view(np.uint64) != _BLANK_BITS
    own_steps, own_values = at[there], values[there]
    order = np.argsort(own_steps, kind="stable")
    own_steps, own_values = own_steps[order], own_values[order]
    last = np.concatenate([own_steps[1:] != own_steps[:-1], [True]]) if len(own_steps) else np.zeros(0, dtype=bool)
    return own_steps[last], own_values[last]


def _steps(values: Array) -> bool:
    return bool(np.isfinite(values).all())


_BLANK_BITS = np.uint64(0x7FF8000000E7DE00)
_BLANK = float(np.array([_BLANK_BITS]).view(np.float64)[0])
"""A NaN that no log holds: there is nothing in the cell."""
