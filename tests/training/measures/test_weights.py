"""Recorded weights against the closed form of gradient descent on a quadratic."""

from dataclasses import replace

import numpy as np
import pytest

from etude.core.errors import SpecError
from etude.tasks.problems import quadratic
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import start_lanes
from etude.training.measures.weights import Weights
from etude.training.train import train


def traces(task, specs):
    lanes = start_lanes(specs, task)
    gradients = make_gradients(task, specs[0].seed, Engine.LOOP)
    for _ in train(lanes, gradients, task):
        pass
    return list(finish(lanes, gradients, task))


def test_recorded_weights_are_where_each_step_started(spec_of):
    import torch

    task = quadratic((1.0, 4.0)).to(dtype=torch.float64)
    base = spec_of(0.1, steps=12, measures=(Weights(),))
    start = task.init(base.seed).weight.detach().numpy()
    for trace in traces(task, [base, replace(base, peak_lr=0.3)]):
        lr = base.peak_lr if trace.spec_hash == base.hash else 0.3
        path = np.stack([trace.per_step["weight/0"], trace.per_step["weight/1"]], axis=1)
        expected = start * (1 - lr * np.array([1.0, 4.0])) ** np.arange(12)[:, None]
        np.testing.assert_allclose(path, expected, rtol=1e-10, atol=1e-15)


def test_many_weights_are_refused(spec_of):
    with pytest.raises(SpecError, match="at most 16 weights"):
        traces(quadratic((1.0,) * 17), [spec_of(0.1, steps=2, measures=(Weights(),))])
