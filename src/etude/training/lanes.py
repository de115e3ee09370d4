"""K runs that train side by side: their parameters stacked, their record so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import prod

import numpy as np
import torch
from torch import Tensor

from etude.core.errors import ExecutionError
from etude.core.gradients import Params
from etude.core.rule import JointRule, State
from etude.core.spec import RunSpec
from etude.core.task import Task
from etude.training.rules.joint import by_lane, evaluated


@dataclass
class Lanes:
    """The state of a stack: everything that continues from one step to the next, and everything measured so far.

    The lanes of a stack share task, seed, kind of rule, horizon, batch size and cadence; they differ in their learning rates
    and in the hyperparameters of the rule.
    Axes: K lanes still training, N lanes at the start, T steps, E evaluations.

    Attributes:
        specs: The N runs.
        alive: Indices into ``specs`` of the K lanes still in the stack, ascending.
        params: Parameters, each (K, ...).
        buffers: Buffers of the model and its frozen parameters, each (K, ...).
        state: State of the update rule, per parameter, each (K, ...); what a rule keeps per lane is under ``WHOLE``, each (K,).
        step: Updates made so far.
        losses: Training loss before each step, (T, N), NaN where a lane has not been.
        evaluations: Evaluation columns, each (E, N), NaN where a lane has not been; and ``"step"``, (E,).
        exploded: Step at which a lane left the stack, by index into ``specs``.
    """

    specs: tuple[RunSpec, ...]
    alive: list[int]
    params: Params
    buffers: Params
    state: dict[str, State]
    step: int = 0
    losses: Tensor = field(default_factory=lambda: torch.empty(0))
    evaluations: dict[str, list[np.ndarray]] = field(default_factory=dict)
    exploded: dict[int, int] = field(default_factory=dict)

    @property
    def shared(self) -> RunSpec:
        """A spec that stands for what all lanes share."""
        return self.specs[0]

    @property
    def rule(self) -> JointRule:
        """The update rule of the K lanes, each with its own hyperparameters."""
        return by_lane([self.specs[i].rule for i in self.alive] or [self.shared.rule])

    @property
    def weights(self) -> Params:
        """Parameters to evaluate, each (K, ...): those in training, unless the rule's result is an average of them."""
        with torch.no_grad():
            return evaluated(self.rule, self.params, self.state)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only these rows of the stack (compaction)."""
        index = torch.tensor(rows, dtype=torch.int64, device=next(iter(self.params.values())).device)
        self.alive = [self.alive[r] for r in rows]
        self.params = {n: p.index_select(0, index) for n, p in self.params.items()}
        self.buffers = {n: b.index_select(0, index) for n, b in self.buffers.items()}
        self.state = {n: {k: v.index_select(0, index) for k, v in s.items()} for n, s in self.state.items()}


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
        losses=torch.full((specs[0].steps, lanes), torch.nan, dtype=next(iter(params.values())).dtype),
    )


def check_one_stack(specs: Sequence[RunSpec]) -> None:
    """Raise ``ExecutionError`` unless the runs may share a stack."""
    first = specs[0]
    for name in (
        "task",
        "steps",
        "batch_size",
        "seed",
        "clip_norm",
        "group_scales",
        "evaluate_every",
        "measures",
    ):
        if any(getattr(s, name) != getattr(first, name) for s in specs):
            raise ExecutionError(f"the runs of one stack must agree in {name}: give each value a stack of its own")
    if any(type(s.rule) is not type(first.rule) for s in specs):
        raise ExecutionError(
            "the runs of one stack must agree in rule up to its hyperparameters: give each rule its own"
        )


def lr_table(lanes: Lanes) -> dict[str, Tensor]:
    r"""Learning rates of every step, per parameter, shaped to broadcast against it.

    .. math:: lr[t, k, g] = peak\_lr[k] \cdot m_k(t) \cdot s[g]

    Returns:
        Tensors of shape (T, K, 1, ..., 1), one for each parameter, in the parameters' dtype; computed in float64.
    """
    specs = [lanes.specs[i] for i in lanes.alive]
    table = np.array([[s.peak_lr * s.schedule(t) for s in specs] for t in range(lanes.shared.steps)])
    rates = {}
    for name, p in lanes.params.items():
        scale = prod(s for pattern, s in lanes.shared.group_scales if fnmatchcase(name, pattern))
        column = torch.as_tensor(table * scale).to(p)
        rates[name] = column.view(*table.shape, *[1] * (p.dim() - 1))
    return rates
