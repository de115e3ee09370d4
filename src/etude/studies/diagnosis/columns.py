"""From the names that other people's logs use to the columns of a trace."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, fields
from pathlib import Path
from typing import final

import numpy as np

from etude.analysis.diagnosis.evidence import ADAPTIVE
from etude.analysis.diagnosis.record import RunRecord
from etude.core.errors import DataError, SpecError
from etude.core.message import Message
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.studies.diagnosis.observed import Observed, trace_of

STEP = "step"
_STEP = ("step", "global_step", "trainer_global_step", "train_global_step", "iteration", "iter", "steps", "it", "batch")
_PATTERNS = (
    (
        "validation_loss",
        r"((val|valid|validation|eval|dev|test)_loss|loss_(val|valid|validation|eval|dev|test))(_epoch)?",
    ),
    (
        "validation_accuracy",
        r"((val|valid|validation|eval|dev|test)_(acc|accuracy)|(acc|accuracy)_(val|valid|validation|eval|dev|test))(_epoch)?",
    ),
    (
        "loss",
        r"((train|training|tr|batch|running)_)?loss(_(train|training|step|batch))?|train_loss_step|train_train_loss",
    ),
    (
        "lr",
        r"((train|training|opt|optimizer)_)?(lr|learning_rate)(_?(sgd|adam|adamw))?(_?(group_?0|pg_?1|0))?(_momentum)?",
    ),
    ("gradient_norm", r"((train|training|total|global)_)*(grad|gradient)_(2_0_)?norm(_total)?(_l2)?"),
)
_OWN_STEPS = re.compile(r"(gradient_norm|weight_norm|update_norm|update_ratio|clip_factor|alignment)(/.+)?|lr/\d+")
_EVALUATED = ("validation_loss", "validation_accuracy")
_BESIDE = (
    "epoch",
    "skipped",
    "time",
    "timestamp",
    "wall_time",
    "date",
)  # columns whose meaning is known, and that no rule reads
_OPTIONS = {
    "rule": "optimizer",
    "horizon": "steps",
    "batch_size": "batch-size",
    "clip_norm": "clip",
    "chance_loss": "chance-loss",
}
_RANGES = (
    ("lr", 0.0, "a learning rate > 0"),
    ("clip_norm", 0.0, "a gradient norm > 0 that is clipped at"),
    ("chance_loss", -np.inf, "a chance loss that is finite"),
)


@final
@dataclass(frozen=True, eq=False)
class Log:
    """Columns of a log under its own names, each with the steps of its entries.

    Attributes:
        columns: By name: steps (N,) and values (N,), increasing in the step.
        counted: Whether the log had no steps of its own and its rows were counted.
    """

    columns: Mapping[str, tuple[Array, Array]]
    counted: bool = False


@final
@dataclass(frozen=True)
class Facts:
    """What the reader knows of a training and a log does not say; ``None`` for what is not known.

    Attributes:
        lr: Learning rate, where it was constant.
        rule: Name of the update rule.
        momentum: Its hyperparameter.
        horizon: Steps that were planned.
        batch_size: Examples per step.
        examples: Training examples in all.
        clip_norm: Gradient norm that was clipped at.
        chance_loss: Loss of the best constant output.

    Raises:
        SpecError: When one is out of its range.
    """

    lr: float | None = None
    rule: str | None = None
    momentum: float | None = None
    horizon: int | None = None
    batch_size: int | None = None
    examples: int | None = None
    clip_norm: float | None = None
    chance_loss: float | None = None

    def __post_init__(self) -> None:
        for name, lowest, within in _RANGES:
            value = getattr(self, name)
            if value is not None and not (lowest < value < np.inf):
                raise SpecError(
                    f"needs {within}, got {value}: leave --{_OPTIONS.get(name, name)} out if it is not known"
                )
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise SpecError(f"needs a momentum in [0, 1), got {self.momentum}: leave --momentum out if it is not known")


def meaning(name: str) -> str | None:
    """What a log's column is to a trace, or ``None`` where that is not known.

    Example:
        >>> [meaning(n) for n in ("Loss/train", "val_loss", "train/learning_rate", "lr-AdamW", "grad_norm", "step", "hue")]
        ['loss', 'validation_loss', 'lr', 'lr', 'gradient_norm', 'step', None]
    """
    if _OWN_STEPS.fullmatch(name):
        return name
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower().rpartition(" - ")[2]).strip("_")  # "RUN - train/loss"
    if plain in _STEP:
        return STEP
    return next((column for column, pattern in _PATTERNS if re.fullmatch(pattern, plain)), None)


def observed(log: Log, source: Path, facts: Facts) -> Observed:
    """A log as a training to be diagnosed. A row is taken for a step where the log has fewer of them than the training.

    Raises:
        DataError: When no column is a training loss, or it has no numbers.
    """
    known, unused = _understood(log)
    if "loss" not in known:
        raise DataError(
            f"{source} has no column of training losses (with numbers it has {', '.join(log.columns) or 'none'}): "
            "name it loss or train_loss"
        )
    if "lr" in known and facts.lr is not None:
        raise DataError(
            f"{source} has a column of learning rates, which holds rather than {facts.lr:g}: leave out --lr"
        )
    at, loss = known["loss"]
    stride = float(np.median(np.diff(at))) if len(at) > 1 else 1.0
    per_step = {"loss": loss} | {
        name: _at(at, *known[name], hold=name == "lr") for name in known if name not in ("loss", *_EVALUATED)
    }
    if "lr" not in per_step and facts.lr is not None:
        per_step["lr"] = np.full(len(loss), facts.lr)
    evaluations = _evaluations({name: known[name] for name in _EVALUATED if name in known}, at)
    in_rows = stride > 1
    notes = [Message("monitor.note.rows", {"stride": stride})] if in_rows else []
    notes += [Message("monitor.note.no_steps")] if log.counted else []
    notes += [Message("monitor.note.unused", {"names": ", ".join(unused)})] if unused else []
    trace = trace_of(per_step, evaluations, Outcome(Ending.COMPLETED, len(loss)))
    record = _record(trace, facts, stride if in_rows else 1.0)
    read = ", ".join(
        dict.fromkeys(name for name in (*trace.per_step, *evaluations) if name != STEP and "/" not in name)
    )
    return Observed(
        source=source,
        record=record,
        subtitle=Message("monitor.subtitle.log", {"rows": len(loss), "source": source.name}),
        notes=tuple(notes),
        rests_on=(Message("monitor.rests.columns", {"names": read}), *_about(facts, {"lr"} & known.keys())),
        in_rows=in_rows,
    )


def _understood(log: Log) -> tuple[dict[str, tuple[Array, Array]], list[str]]:
    """Columns by their meaning, the first of each that has numbers, and the names of those that have none."""
    known: dict[str, tuple[Array, Array]] = {}
    unused = []
    for name, column in log.columns.items():
        own = meaning(name)
        if own is None and name.lower() not in _BESIDE:
            unused.append(name)
        elif own not in (None, STEP) and own not in known and len(column[1]):
            known[own] = column
    return known, unused


def _at(steps: Array, own: Array, values: Array, *, hold: bool) -> Array:
    """Values at some steps: those logged there, or, to be held, the last ones logged before."""
    index = np.searchsorted(own, steps, side="right") - 1
    found = values[np.maximum(index, 0)]
    return found if hold else np.where((index >= 0) & (own[np.maximum(index, 0)] == steps), found, np.nan)


def _evaluations(columns: Mapping[str, tuple[Array, Array]], at: Array) -> dict[str, Array]:
    """Evaluations with the rows of the losses that come before them."""
    if not columns:
        return {}
    steps = np.unique(np.concatenate([own for own, _ in columns.values()]))
    rows = np.searchsorted(at, steps, side="right").astype(np.float64)
    return {STEP: rows} | {name: _at(steps, *own, hold=False) for name, own in columns.items()}


def _record(trace: Trace, facts: Facts, stride: float) -> RunRecord:
    return RunRecord(
        trace,
        rule=next((name for name in ADAPTIVE if (facts.rule or "").lower().startswith(name.lower())), facts.rule or ""),
        hyperparameters={} if facts.momentum is None else {"momentum": facts.momentum},
        horizon=None if facts.horizon is None else max(round(facts.horizon / stride), 1),
        batch_size=facts.batch_size,
        examples=facts.examples,
        clip_norm=facts.clip_norm,
        chance_loss=facts.chance_loss,
    )


def _about(facts: Facts, read: Set[str]) -> list[Message]:
    """What was told beside the log, and the options that were not given and say what was not read either."""
    given = {f.name: getattr(facts, f.name) for f in fields(facts)}
    known = ", ".join(f"{name} = {value}" for name, value in given.items() if value is not None)
    missing = ", ".join(
        f"--{_OPTIONS.get(name, name)}" for name, value in given.items() if value is None and name not in read
    )
    return [
        Message(f"monitor.rests.{key}", {"facts": text})
        for key, text in (("facts", known), ("unknown", missing))
        if text
    ]
