"""Numbers read while training: what a measure is, and what it gets to see.

A concrete measure is a frozen dataclass of its settings, stored in the run's spec by import path, so it imports torch inside
its functions. Its columns are named ``gradient_norm``, or ``gradient_norm/0.weight`` where there is one for each parameter.
The same code serves a monitor around anyone's own loop, which is a stack of one lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, final, runtime_checkable

from etude.core.gradients import Gradients, Params
from etude.core.rule import JointRule, State
from etude.core.task import Task

if TYPE_CHECKING:
    from torch import Tensor

Columns: TypeAlias = "dict[str, Tensor]"
"""What a measure says: numbers per lane, each (K,), by the name of their column."""


@final
@dataclass(frozen=True, eq=False)
class Moment:
    """One step of K lanes, seen after it was made. All tensors are to be read only.

    Attributes:
        step: t, counted from 0.
        loss: Loss of the step's batch, before the update, (K,).
        params: Weights w_t before the update, each (K, ...).
        grads: Gradients g_t before clipping, each (K, ...).
        clip_factor: What clipping multiplied the gradient's norm by, (K,); 1 where nothing was clipped.
        update: The update as it was made, w_{t+1} − w_t, each (K, ...).
        lr: η_t as applied, before group scales, (K,) float64.
        last_grads: g_{t-1}; zeros at step 0.
        last_update: The update before this one; zeros at step 0.
    """

    step: int
    loss: Tensor
    params: Params
    grads: Params
    clip_factor: Tensor
    update: Params
    lr: Tensor
    last_grads: Params
    last_update: Params


@final
@dataclass(frozen=True, eq=False)
class Point:
    """K lanes between two steps. All tensors are to be read only; what runs the model in training mode copies the buffers.

    Attributes:
        step: Updates made so far, 0 … horizon.
        params: Weights in training, each (K, ...); where the next gradient is taken.
        weights: Weights to evaluate, each (K, ...): ``params``, unless the rule's result is an average of them.
        buffers: Buffers of the model and its frozen parameters, each (K, ...).
        state: State of the update rule, per parameter, each (K, ...).
        rule: The update rule of the K lanes.
        lr: η of the step that comes next, before group scales, (K,) float64; at the end that of the last step.
        rates: The same with group scales, per parameter, shaped to broadcast against it.
        gradients: Computes losses and gradients of the lanes.
        task: The model, the data and the loss.
        seed: Replicate, which decides batches.
        batch_size: Examples per step.
    """

    step: int
    params: Params
    weights: Params
    buffers: Params
    state: dict[str, State]
    rule: JointRule
    lr: Tensor
    rates: Params
    gradients: Gradients
    task: Task
    seed: int
    batch_size: int


@runtime_checkable
class StepMeasure(Protocol):
    """Read at every step, from what the step computes anyway; columns of ``Trace.per_step``."""

    def at_step(self, moment: Moment) -> Columns:
        """Numbers of a step, each (K,); the same columns at every step of a run."""
        ...


@runtime_checkable
class PointMeasure(Protocol):
    """Read where an evaluation takes place, and free to run the model; columns of ``Trace.evaluations``."""

    def at_point(self, point: Point) -> Columns:
        """Numbers of a point, each (K,), NaN where a lane has none; the same columns at every point of a run."""
        ...


@final
@dataclass(frozen=True)
class AtEnd:
    """Reads a measure of points once only, at the end of a run that did not diverge; numbers of ``Trace.final``.

    Attributes:
        measure: What is read.
    """

    measure: PointMeasure


Measure: TypeAlias = StepMeasure | PointMeasure | AtEnd
