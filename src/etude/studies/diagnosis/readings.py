"""A monitor's readings, brought together with what the training loop evaluated itself, as the evaluations of a trace."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from etude.core.trace import Array

_HELD = ("dead/", "saturated/")  # read on many batches, so it holds until the next reading
_MANY = 6  # evaluations, from which on rules look for a trend in them
_NEAR = 40  # the training loss at a row is the mean over a fortieth of the steps on either side of it
_LEAST = 3


def merged_readings(table: Mapping[str, Array]) -> dict[str, Array] | None:
    """Readings with one row for each step, in order; ``None`` where there are none."""
    if not len(table.get("step", ())):
        return None
    return _on(np.unique(table["step"]), table)


def beside(own: Mapping[str, Array], readings: Mapping[str, Array], per_step: Mapping[str, Array]) -> dict[str, Array]:
    """Evaluations of the loop and readings, one row for each step at which there is either, NaN where one is missing.

    Shares of units hold until they are read again. Evaluations of which there are enough for a trend are continued between
    theirs along straight lines; readings after the last but two are told of at the next evaluation before them, so that what
    comes last remains what was evaluated.
    """
    readings = dict(readings)
    at, trend = own.get("step", np.zeros(0)), len(own.get("step", ())) >= _MANY
    if trend:
        late = readings["step"] > at[-3]
        readings["step"] = np.where(late, at[np.searchsorted(at, readings["step"], side="right") - 1], readings["step"])
    rows = np.union1d(at, readings["step"])
    columns = {name: values for name, values in _on(rows, readings).items() if name != "step"}
    for name in columns:
        if name.startswith(_HELD):
            columns[name] = _held(columns[name])
    for name, values in own.items():
        if name != "step":
            columns[name] = np.interp(rows, at, values) if trend else _on(rows, {"step": at, name: values})[name]
    loss = per_step.get("loss")
    if loss is not None and "train_loss" not in own:
        columns["train_loss"] = _near(loss, rows) if len(at) else np.where(rows == 0, loss[0], np.nan)
    return {"step": rows} | columns


def _on(rows: Array, table: Mapping[str, Array]) -> dict[str, Array]:
    """A table on other rows, among which its own are; of several entries for a row the last one counts."""
    place = np.searchsorted(rows, table["step"])
    found = {"step": rows}
    for name, values in table.items():
        if name != "step":
            known = np.isfinite(values)
            found[name] = np.full(len(rows), np.nan)
            found[name][place[known]] = values[known]
    return found


def _held(column: Array) -> Array:
    """Each entry until the next; none before the first."""
    index = np.maximum.accumulate(np.where(np.isfinite(column), np.arange(len(column)), -1))
    return np.where(index >= 0, column[index], np.nan)


def _near(loss: Array, rows: Array) -> Array:
    """The batches' mean loss about each row; at the first step its own batch's."""
    half = max(len(loss) // _NEAR, _LEAST)
    places = np.minimum(rows.astype(np.int64), len(loss))
    means = [loss[max(p - half, 0) : p + half].mean() if p - half < len(loss) else np.nan for p in places]
    return np.where(rows == 0, loss[0], np.array(means))
