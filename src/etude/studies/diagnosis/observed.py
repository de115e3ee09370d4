"""A training as it was found on the disk, whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np

from etude.analysis.diagnosis.record import RunRecord
from etude.core.message import Message
from etude.core.trace import Array, Ending, Outcome, Trace

FACTS = ("rule", "horizon", "batch_size", "examples", "clip_norm", "chance_loss")
"""Fields of a record that a log does not hold, each of which lets more be said."""


@final
@dataclass(frozen=True, eq=False)
class Observed:
    """What is known of a training.

    Attributes:
        source: Folder or file.
        record: What is diagnosed.
        subtitle: What it is, in a line.
        notes: What must be known before the verdicts.
        rests_on: Amounts and columns behind them.
        drawn: Columns that are drawn but not diagnosed: ``"gradient_norm"`` where it was not read at every step.
        in_rows: Whether steps are rows of a log that has fewer of them than the training has steps.
        provenance: Versions and dates by name.
    """

    source: Path
    record: RunRecord
    subtitle: Message
    notes: tuple[Message, ...] = ()
    rests_on: tuple[Message, ...] = ()
    drawn: Mapping[str, Array] = field(default_factory=dict)
    in_rows: bool = False
    provenance: Mapping[str, str] = field(default_factory=dict)


def ended(per_step: dict[str, Array], outcome: Outcome) -> tuple[dict[str, Array], Outcome]:
    """Cut a training that was not finite to its end where that began, as a lane's trace ends where it left its stack."""
    loss = per_step.get("loss")
    if loss is None or not len(loss) or np.isfinite(loss[-1]):
        return per_step, outcome
    finite = np.flatnonzero(np.isfinite(loss))
    first = int(finite[-1]) + 1 if len(finite) else 0
    cut = {name: column[: first + 1] for name, column in per_step.items()}
    return cut, Outcome(Ending.DIVERGED, first, "exploded")


def with_batch_losses(evaluations: dict[str, Array], per_step: Mapping[str, Array]) -> dict[str, Array]:
    """Evaluations beside the mean loss of the batches since the one before, where the loop evaluated no training loss."""
    loss, places = per_step.get("loss"), evaluations.get("step")
    if loss is None or places is None or "train_loss" in evaluations or not len(places):
        return evaluations
    ends = np.clip(places.astype(np.int64), 0, len(loss))
    starts = np.concatenate([[0], ends[:-1]])
    means = [loss[a:b].mean() if b > a else np.nan for a, b in zip(starts, ends, strict=True)]
    return evaluations | {"train_loss": np.array(means)}


def trace_of(per_step: dict[str, Array], evaluations: dict[str, Array], outcome: Outcome) -> Trace:
    """The trace of a training that has no spec."""
    own, outcome = ended(per_step, outcome)
    numbers = {name: column for name, column in own.items() if np.isfinite(column).any() or name == "loss"}
    return Trace("", outcome, numbers, with_batch_losses(evaluations, own))
