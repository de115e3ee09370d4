"""What a diagnosis is given: the trace of a run, and what else is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import final

import numpy as np

from etude.core.fork import Fork
from etude.core.spec import RunSpec
from etude.core.trace import Array, Trace

_NOTHING: Mapping[str, float] = MappingProxyType({})


@final
@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run to be diagnosed. Only the trace is needed; every other field that is known lets more be said.

    Attributes:
        trace: Columns of the run, any subset of those that measures give; ``per_step["loss"]`` alone is something already, and
            ``per_step["lr"]`` is the learning rate as applied.
        rule: Name of the update rule, ``"SGD"`` or ``"Adam"``; empty where it is not known.
        hyperparameters: Of the rule, by the names that Étude uses: ``momentum``, ``beta1``, ``beta2``, ``weight_decay``.
        planned_lr: η that was meant to be applied at each step, before group scales, (T,); a run that was stopped has more of
            these than steps.
        horizon: Steps the run was planned for.
        batch_size: Examples per step.
        examples: Training examples in all.
        clip_norm: Global gradient norm that was clipped at.
        clip_value: Size that every entry of the gradient was cut off at.
        chance_loss: Loss of the best constant output: ln C for cross entropy and C balanced classes, the variance of the
            targets for the mean squared error.
        layers: Names of the parameters in the order of the model; where empty, that of the trace's columns. Where they
            stand in the alphabet's order, as in a stored trace, names are ordered by their numbers: ``2.weight`` before
            ``10.weight``.
        fork: Result of a fork test.

    Example:
        >>> from etude.core.trace import Ending, Outcome
        >>> trace = Trace("", Outcome(Ending.COMPLETED, 2), {"loss": np.array([2.3, 2.2])})
        >>> RunRecord(trace, chance_loss=np.log(10)).rule
        ''
    """

    trace: Trace
    rule: str = ""
    hyperparameters: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    planned_lr: Array | None = None
    horizon: int | None = None
    batch_size: int | None = None
    examples: int | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    chance_loss: float | None = None
    layers: tuple[str, ...] = ()
    fork: Fork | None = None

    @classmethod
    def of(
        cls,
        spec: RunSpec,
        trace: Trace,
        *,
        chance_loss: float | None = None,
        examples: int | None = None,
        layers: tuple[str, ...] = (),
        fork: Fork | None = None,
    ) -> RunRecord:
        """The record of a run that Étude trained; a controller's multiplier is in no plan, so then there is none."""
        numbers = {f.name: getattr(spec.rule, f.name) for f in fields(spec.rule)}  # type: ignore[arg-type]
        planned = np.array([spec.peak_lr * spec.schedule(t) for t in range(spec.steps)])
        return cls(
            trace=trace,
            rule=type(spec.rule).__name__,
            hyperparameters={
                n: float(v) for n, v in numbers.items() if isinstance(v, int | float) and not isinstance(v, bool)
            },
            planned_lr=planned if spec.controller is None else None,
            horizon=spec.steps,
            batch_size=spec.batch_size,
            examples=examples,
            clip_norm=spec.clip_norm,
            clip_value=spec.clip_value,
            chance_loss=chance_loss,
            layers=layers,
            fork=fork,
        )
