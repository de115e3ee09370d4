"""Distributions of weights, gradients and updates, against numpy's quantiles of what a plain step does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import start_lanes
from etude.training.measures import Sizes
from etude.training.rules import Adam
from etude.training.train import train

LEVELS = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


@pytest.mark.parametrize(("model", "engine"), [("mlp", Engine.STACK), ("cnn", Engine.LOOP)])
def test_sizes_are_quantiles_of_the_step_to_come(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine
) -> None:
    task = task_of(model)
    lrs = (0.01, 0.1)
    specs = [spec_of(lr, Adam(), 1, measures=(Sizes(),)) for lr in lrs]
    lanes = start_lanes(specs, task)
    gradients = make_gradients(task, specs[0].seed, engine)
    for _ in train(lanes, gradients, task):
        pass
    for k, trace in enumerate(finish(lanes, gradients, task)):
        plain = task.init(specs[0].seed)
        task.loss(plain(task.batch(specs[0].seed, 0, specs[0].batch_size)[0]), _targets(task, specs[0])).backward()
        found = {"weight": {}, "gradient": {}, "update": {}}
        for name, p in plain.named_parameters():
            assert p.grad is not None
            found["weight"][name] = p.detach()
            found["gradient"][name] = p.grad
            found["update"][name] = lanes.params[name][k] - p.detach()
        for kind, tensors in found.items():
            parts = {f"{name}/": t for name, t in tensors.items() if t.dim() > 1}
            parts[""] = torch.cat([t.flatten() for t in tensors.values()])
            for part, values in parts.items():
                for level, share in LEVELS.items():
                    expected = np.quantile(values.abs().double().numpy(), share)
                    column = trace.evaluations[f"{kind}_size/{part}{level}"]
                    np.testing.assert_allclose(column[0], expected, rtol=1e-6, atol=1e-15)
        assert f"weight_size/{next(iter(found['weight']))}/q50" in trace.evaluations
        assert not any("bias" in name for name in trace.evaluations)


def _targets(task: Task, spec: RunSpec) -> torch.Tensor:
    return task.batch(spec.seed, 0, spec.batch_size)[1]
