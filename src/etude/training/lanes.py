"""K runs that train side by side: their parameters stacked, their record so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from etude.core.controller import ControllerState, PerLane
from etude.core.errors import ExecutionError
from etude.core.gradients import Params
from etude.core.rule import JointRule, State
from etude.core.spec import BATCH_SIZE, RunSpec
from etude.core.task import Task
from etude.training.rules.joint import by_lane, evaluated


@dataclass
class Lanes:
    """The state of a stack: everything that continues from one step to the next, and everything measured so far.

    The lanes of a stack share task, seed, kind of rule, horizon, batch sizes, cadence, measures and what their controllers
    read; they differ in their learning rates, in clipping, in the hyperparameters of the rule and in those of the controller.
    Axes: K lanes still training, N lanes at the start, T steps, E evaluations.

    Attributes:
        specs: The N runs.
        alive: Indices into ``specs`` of the K lanes still in the stack, ascending.
        params: Parameters, each (K, ...).
        buffers: Buffers of the model and its frozen parameters, each (K, ...).
        state: State of the update rule, per parameter, each (K, ...); what a rule keeps per lane is under ``WHOLE``, each (K,).
        step: Updates made so far.
        multiplier: Multipliers that the controllers have set, (K,); 1 without controllers.
        control: State of the controllers, each entry (K,).
        last_grads: Gradients of the last step before clipping, where something compares successive ones; else empty.
        last_update: Update of the last step, where something compares successive ones; else empty.
        per_step: Columns measured at steps, each (T, N), NaN where a lane has not been; ``"loss"`` is taken before the step.
        evaluations: Evaluation columns, each (E, N), NaN where a lane has not been; and ``"step"``, (E,).
        exploded: Step at which a lane left the stack, by index into ``specs``.
    """

    specs: tuple[RunSpec, ...]
    alive: list[int]
    params: Params
    buffers: Params
    state: dict[str, State]
    step: int = 0
    multiplier: PerLane = field(default_factory=lambda: np.ones(0))
    control: ControllerState = field(default_factory=dict)
    last_grads: Params = field(default_factory=dict)
    last_update: Params = field(default_factory=dict)
    per_step: dict[str, Tensor] = field(default_factory=dict)
    evaluations: dict[str, list[np.ndarray]] = field(default_factory=dict)
    exploded: dict[int, int] = field(default_factory=dict)

    @property
    def shared(self) -> RunSpec:
        """A spec that stands for what all lanes share."""
        return self.specs[0]

    @property
    def living(self) -> list[RunSpec]:
        """The runs of the K lanes still in the stack."""
        return [self.specs[lane] for lane in self.alive]

    @property
    def losses(self) -> Tensor:
        """Training loss before each step, (T, N), NaN where a lane has not been."""
        return self.per_step["loss"]

    def rule_at(self, step: int) -> JointRule:
        """The update rule of the K lanes at a step, each with its own hyperparameters."""
        return by_lane([spec.rule_at(step) for spec in self.living or [self.shared]])

    @property
    def weights(self) -> Params:
        """Parameters to evaluate, each (K, ...): those in training, unless the rule's result is an average of them."""
        with torch.no_grad():
            return evaluated(self.rule_at(max(self.step - 1, 0)), self.params, self.state)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only these rows of the stack (compaction)."""
        index = torch.tensor(rows, dtype=torch.int64, device=next(iter(self.params.values())).device)

        def kept(tensors: Params) -> Params:
            return {name: tensor.index_select(0, index) for name, tensor in tensors.items()}

        self.alive = [self.alive[r] for r in rows]
        self.params, self.buffers = kept(self.params), kept(self.buffers)
        self.last_grads, self.last_update = kept(self.last_grads), kept(self.last_update)
        self.state = {name: kept(own) for name, own in self.state.items()}
        self.multiplier = self.multiplier[list(rows)]
        self.control = {name: value[list(rows)] for name, value in self.control.items()}


def start_lanes(specs: Sequence[RunSpec], task: Task) -> Lanes:
    """Lanes at step 0: every lane at the initial point of its seed."""
    check_one_stack(specs)
    module = task.init(specs[0].seed)
    lanes = len(specs)

    def stacked(t: Tensor) -> Tensor:
        return t.detach().expand(lanes, *t.shape).clone(memory_format=torch.contiguous_format)

    params = {n: stacked(p) for n, p in module.named_parameters() if p.requires_grad}
    fixed = [*module.named_buffers(), *((n, p) for n, p in module.named_parameters() if not p.requires_grad)]
    return Lanes(
        specs=tuple(specs),
        alive=list(range(lanes)),
        params=params,
        buffers={n: stacked(b) for n, b in fixed},
        state=by_lane([s.rule for s in specs]).init_all(params),
        multiplier=np.ones(lanes),
        per_step={"loss": torch.full((specs[0].steps, lanes), torch.nan, dtype=next(iter(params.values())).dtype)},
    )


def stack_key(spec: RunSpec) -> tuple[object, ...]:
    """What a run must share with others to train in one stack with them: runs with equal keys may."""
    return tuple(value for _, value in _shared_by_a_stack(spec))


def check_one_stack(specs: Sequence[RunSpec]) -> None:
    """Raise ``ExecutionError`` unless the runs may share a stack."""
    first = _shared_by_a_stack(specs[0])
    for spec in specs[1:]:
        for (name, value), (_, wanted) in zip(_shared_by_a_stack(spec), first, strict=True):
            if value != wanted:
                raise ExecutionError(f"the runs of one stack must agree in {name}: give each value a stack of its own")


def _shared_by_a_stack(spec: RunSpec) -> list[tuple[str, object]]:
    names = ("task", "steps", "batch_size", "seed", "group_scales", "evaluate_every", "measures")
    return [
        *((name, getattr(spec, name)) for name in names),
        ("the schedule of batch_size", dict(spec.scheduled).get(BATCH_SIZE)),
        ("rule up to its hyperparameters", _kind(spec.rule)),
        ("controller up to its hyperparameters", _kind(spec.controller)),
    ]


def _kind(record: object) -> object:
    """A record's type, and for a controller what it reads."""
    return type(record), getattr(record, "reads", None)
