"""How many bytes a lane takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from etude.core.measure import StepMeasure
from etude.core.spec import RunSpec
from etude.core.task import Task
from etude.training.engine import Engine
from etude.training.evaluate import CHUNK
from etude.training.rules.joint import joint

WORKING_COPIES = 3
"""Tensors of the parameters' size that live during a step besides the rule's state: weights, gradient, one temporary."""

COMPARED_COPIES = 5
"""Tensors of the parameters' size that step measures keep: gradient and update of two steps, the weights in between."""


def bytes_per_lane(task: Task, spec: RunSpec, engine: Engine) -> int:
    """Estimate the memory of one more lane in a stack: weights, gradients, the rule's state, activations, the record."""
    module = task.init(spec.seed)
    params = list(module.parameters())
    weights = sum(p.numel() * p.element_size() for p in params)
    states = joint(spec.rule).init_all({n: p.detach()[None] for n, p in module.named_parameters() if p.requires_grad})
    state = sum(v.numel() * v.element_size() for s in states.values() for v in s.values())
    copies = COMPARED_COPIES * weights if any(isinstance(m, StepMeasure) for m in spec.measures) else 0
    record = 8 * spec.steps * step_columns(spec, len(params))
    activations = _activation_bytes(task, module, spec) if engine is Engine.STACK else 0
    return WORKING_COPIES * weights + copies + state + record + activations


def step_columns(spec: RunSpec, params: int) -> int:
    """Columns that a run's record has one number per step in: the loss, and those of its measures."""
    measures = [m for m in spec.measures if isinstance(m, StepMeasure)]
    return 1 + sum(1 + params * bool(getattr(m, "layers", False)) for m in measures)


def weight_bytes(task: Task, specs: Sequence[RunSpec]) -> int:
    """Bytes of the final weights of these runs."""
    module = task.init(specs[0].seed)
    tensors = [*module.parameters(), *module.buffers()]
    return len(specs) * sum(t.numel() * t.element_size() for t in tensors)


def _activation_bytes(task: Task, module: torch.nn.Module, spec: RunSpec) -> int:
    x, y = task.examples("train", max(spec.batch_size, min(CHUNK, task.size("train"))))
    seen: dict[int, int] = {}

    def pack(t: Tensor) -> Any:
        seen[t.data_ptr()] = t.numel() * t.element_size()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t), torch.random.fork_rng(devices=[]):
        task.loss(module(x), y)
    return 2 * sum(seen.values())
