"""What a monitor has seen and not yet stored: tensors left on their device until a chunk is due, then numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from etude.core.trace import Array
from etude.integrations.monitor.tensors import Number
from etude.integrations.monitor.update import Look

Numbers = dict[str, float]
"""Numbers by the names of their columns."""

NORMS = ("gradient_norm", "weight_norm", "update_norm")


class Row(NamedTuple):
    """What is kept of every step: little, because it is done at every step."""

    step: int
    skipped: Number
    losses: list[Number]
    lrs: list[Number]
    norm: Number | None

    def numbers(self) -> dict[str, Number]:
        """By column; a step's loss is the mean of its parts."""
        row: dict[str, Number] = {"step": self.step, "skipped": self.skipped}
        if self.losses:
            total = sum(self.losses[1:], self.losses[0])
            row["loss"] = total / len(self.losses) if len(self.losses) > 1 else total
        if self.lrs:
            row["lr"] = self.lrs[0]
        if len(self.lrs) > 1:
            row |= {f"lr/{i}": lr for i, lr in enumerate(self.lrs)}
        if self.norm is not None:
            row["gradient_norm"] = self.norm
        return row


@final
@dataclass
class Rows:
    """Rows by the table in which they will be stored.

    Attributes:
        steps: One row for each step.
        looks: Steps that were looked at closely, what was seen, and the gradient's length before clipping if it was told.
        angles: Steps and the cosines of their gradients with minus the update before.
        evaluations: What the training loop measured itself.
    """

    steps: list[Row] = field(default_factory=list)
    looks: list[tuple[int, tuple[Look, ...], Number | None]] = field(default_factory=list)
    angles: list[dict[str, Number]] = field(default_factory=list)
    evaluations: list[dict[str, Number]] = field(default_factory=list)

    def tables(self, names: Mapping[Tensor, str], readings: Sequence[Numbers]) -> dict[str, dict[str, Array]]:
        """All rows, and those of readings, as columns; the training waits for numbers here, once for each chunk."""
        return {
            "steps": _table([row.numbers() for row in self.steps]),
            "layers": _layers(self.looks, names),
            "angles": _table(self.angles),
            "readings": _table(readings),
            "evaluations": _table(self.evaluations),
        }

    def params(self) -> Iterator[Tensor]:
        """Parameters that were looked at."""
        return (p for _, looks, _ in self.looks for look in looks for p in look.params)

    def clear(self) -> None:
        """Forget what is stored."""
        for rows in (self.steps, self.looks, self.angles, self.evaluations):
            rows.clear()


def _table(rows: Sequence[Mapping[str, Number]]) -> dict[str, Array]:
    names = dict.fromkeys(["step", *(name for row in rows for name in row)])
    return {name: _numbers([row.get(name, float("nan")) for row in rows]) for name in names}


def _numbers(values: Sequence[Number]) -> Array:
    """Numbers (N,) of which some may lie on a device; those are fetched together."""
    found = np.array([np.nan if isinstance(v, Tensor) else v for v in values], dtype=np.float64)
    where = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if where:
        held = [v for v in values if isinstance(v, Tensor)]
        if any(v.device != held[0].device for v in held):
            held = [v.cpu() for v in held]
        found[where] = torch.stack([v.reshape(()).to(torch.float64) for v in held]).cpu().numpy()
    return found


def _layers(
    looks: Sequence[tuple[int, tuple[Look, ...], Number | None]], names: Mapping[Tensor, str]
) -> dict[str, Array]:
    if not looks:
        return {"step": np.empty(0)}
    row_of = {name: i for i, name in enumerate(names.values())}
    applied, weights, updates = (np.full((len(looks), len(row_of)), np.nan) for _ in NORMS)
    gradients = applied.copy()
    for i, (_, own, told) in enumerate(looks):
        for look in own:
            at = [row_of[names[p]] for p in look.params]
            applied[i, at] = look.gradients.double().cpu().numpy()
            weights[i, at] = look.weights.double().cpu().numpy()
            updates[i, at] = look.updates.double().cpu().numpy()
            gradients[i, at] = applied[i, at] if look.unclipped is None else look.unclipped.double().cpu().numpy()
        if told is not None and _total(applied[i]) > 0:
            # Clipping by the norm shortens all gradients alike.
            gradients[i] = applied[i] * (float(told) / _total(applied[i]))
    columns = {"step": np.array([step for step, _, _ in looks], dtype=np.float64)}
    with np.errstate(all="ignore"):  # a run that diverges is data
        columns |= _named("gradient_norm", gradients, row_of, _total(gradients))
        columns |= _named("weight_norm", weights, row_of, _total(weights))
        columns |= _named("update_norm", updates, row_of, _total(updates))
        columns |= _named("update_ratio", _ratio(updates, weights), row_of, _ratio(_total(updates), _total(weights)))
        columns["clip_factor"] = np.minimum(_ratio(_total(applied), _total(gradients)), 1.0)
    return columns


def _named(name: str, values: Array, row_of: Mapping[str, int], total: Array) -> dict[str, Array]:
    return {name: total} | {f"{name}/{layer}": values[:, i].copy() for layer, i in row_of.items()}


def _total(norms: Array) -> Array:
    """Length over all layers; layers without a gradient are left out."""
    return np.asarray(np.sqrt(np.nansum(np.square(norms), axis=-1)))


def _ratio(a: Array, b: Array) -> Array:
    return np.asarray(np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > 0))
