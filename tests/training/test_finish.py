"""The end of a run: final numbers against a plain evaluation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from etude.core.measure import AtEnd
from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import final_weights, finish
from etude.training.lanes import start_lanes
from etude.training.measures import Sharpness
from etude.training.train import train


@pytest.mark.parametrize(("model", "engine"), [("mlp", Engine.STACK), ("cnn-bn", Engine.STACK), ("gru", Engine.LOOP)])
def test_final_numbers_are_those_of_the_trained_module_in_evaluation_mode(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine
) -> None:
    task = task_of(model)
    specs = [spec_of(lr, steps=25, measures=(AtEnd(Sharpness()),)) for lr in (0.01, 0.1)]
    gradients = make_gradients(task, 3, engine)
    lanes = start_lanes(specs, task)
    for _ in train(lanes, gradients, task):
        pass
    traces, weights = list(finish(lanes, gradients, task)), final_weights(lanes)
    for spec, trace in zip(specs, traces, strict=True):
        module = task.init(3)
        module.load_state_dict(
            {n.removeprefix(f"{spec.hash}/"): t for n, t in weights.items() if n.startswith(spec.hash)}
        )
        module.eval()
        with torch.no_grad():
            for split in ("train", "validation"):
                x, y = task.examples(split)
                out = module(x)
                assert trace.final[f"{split}_loss"] == pytest.approx(task.loss(out, y).item(), rel=1e-10)
                assert trace.final[f"{split}_accuracy"] == pytest.approx((out.argmax(1) == y).double().mean().item())
        assert trace.final["sharpness"] > 0
        assert trace.final["sharpness_error"] < 0.1 * trace.final["sharpness"]
        np.testing.assert_array_equal(trace.evaluations["step"], [0, 10, 20, 25])
        assert trace.evaluations["train_loss"][-1] == pytest.approx(trace.final["train_loss"], rel=1e-10)
        assert len(trace.per_step["loss"]) == 25
        assert trace.spec_hash == spec.hash
