"""What is known of the edge of stability, found again with our lanes and measures.

The original of the network is tanh 40-100-100-10 on 1000 rows of MNIST-1D, which is not at hand: digits stand in for it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from etude.core.measure import Measure
from etude.core.rule import Rule
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Trace
from etude.schedules.constant import Constant
from etude.tasks.data import load_images
from etude.tasks.models import mlp
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import start_lanes
from etude.training.measures.curvature import LineProbe, PreconditionedSharpness
from etude.training.measures.sharpness import Sharpness
from etude.training.rules import SGD, Adam
from etude.training.sharpness import sharpness
from etude.training.train import train


def half_square(output: Tensor, target: Tensor) -> Tensor:
    return 0.5 * (output - target).square().sum(1).mean()


def full_batch(task: Task, rule: Rule, lrs: list[float], steps: int, every: int, *measures: Measure) -> list[Trace]:
    specs = [
        RunSpec(
            task=TaskRef(task.name, "0"),
            rule=rule,
            schedule=Constant(steps),
            peak_lr=lr,
            steps=steps,
            batch_size=task.size("train"),
            seed=0,
            evaluate_every=every,
            measures=measures,
        )
        for lr in lrs
    ]
    lanes, gradients = start_lanes(specs, task), make_gradients(task, 0, Engine.LOOP)
    for _ in train(lanes, gradients, task):
        pass
    return list(finish(lanes, gradients, task))


def digits(examples: int, width: int) -> Task:
    x, y = load_images("digits").train
    x, y = x[:examples], nn.functional.one_hot(y[:examples].long(), 10).float()
    make = partial(mlp, 64, (width, width), 10, "tanh")
    return Task("digits", make, train=(x, y), validation=(x[:10], y[:10]), loss=half_square)


def second_half(trace: Trace, column: str) -> np.ndarray:
    values = trace.evaluations[column]
    return values[len(values) // 2 :]


def test_gradient_descent_sharpens_until_two_over_eta_and_stays_there() -> None:
    (trace,) = full_batch(digits(200, 40), SGD(), [0.2], 500, 50, Sharpness(200))
    assert trace.evaluations["sharpness"][0] * 0.2 / 2 < 0.95
    late = second_half(trace, "sharpness") * 0.2 / 2
    assert 0.93 < late.mean() < 1.15
    assert ((late > 0.85) & (late < 1.2)).all()
    assert trace.evaluations["train_loss"][-1] < trace.evaluations["train_loss"][0] / 5


def test_adam_sharpens_until_38_over_eta_in_its_own_coordinates() -> None:
    (trace,) = full_batch(digits(200, 40), Adam(), [0.003], 400, 50, PreconditionedSharpness(200))
    late = second_half(trace, "preconditioned_sharpness") * 0.003 / 38
    assert 0.85 < late.mean() < 1.1
    assert trace.evaluations["preconditioned_sharpness"][1] * 0.003 / 38 < 0.8


@pytest.mark.long
def test_the_published_network_trains_at_the_edge() -> None:
    lrs = [0.1, 0.2]
    for lr, trace in zip(lrs, full_batch(digits(1000, 100), SGD(), lrs, 2000, 100, Sharpness(1000)), strict=True):
        late = second_half(trace, "sharpness") * lr / 2
        assert 0.93 < late.mean() < 1.15
        assert ((late > 0.9) & (late < 1.15)).all()


class Product(nn.Module):
    """f(x) = u·v x / √n, a linear network with one hidden layer (Lewkowycz et al. 2020, §2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(torch.randn(width)), nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        return (self.u @ self.v) / len(self.u) ** 0.5 * x


def product_task(seed: int) -> tuple[Task, float]:
    """The task f(1) = 0, and λ₀ = (‖u‖² + ‖v‖²)/n, its curvature at the start where f is small."""

    def make() -> nn.Module:
        torch.manual_seed(seed)
        return Product(1024).double()

    one = torch.ones(1, 1, dtype=torch.float64)
    task = Task("product", make, train=(one, 0 * one), validation=(one, 0 * one), loss=half_square)
    start = make()
    return task, (start.u.square().sum() + start.v.square().sum()).item() / 1024


def descended(model: Product, lr: float) -> list[float]:
    """Losses of gradient descent until it is clear where it goes; a plain loop, for no rule of ours shall end it."""
    losses: list[float] = []
    while len(losses) < 3000:
        loss = half_square(model(torch.ones(1, 1, dtype=torch.float64)), torch.zeros(1, 1))
        losses.append(loss.item())
        if not 1e-9 * losses[0] < losses[-1] < 1e9 * losses[0]:
            break
        gu, gv = torch.autograd.grad(loss, [model.u, model.v])
        with torch.no_grad():
            model.u -= lr * gu
            model.v -= lr * gv
    return losses


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("share", [1.0, 1.9, 2.5, 3.0, 3.95, 4.05, 5.0])
def test_a_catapult_is_thrown_between_two_and_four_over_the_curvature(share: float, seed: int) -> None:
    task, curvature = product_task(seed)
    model, lr = task.init(0), share / curvature
    losses = descended(model, lr)
    assert (max(losses) > 1.01 * losses[0]) is (share > 2)
    assert (losses[-1] > losses[0]) is (share > 4)
    if share < 4:
        assert losses[-1] < 1e-8 * losses[0]
        x = torch.ones(1, 1, dtype=torch.float64)
        value, _ = sharpness(lambda: half_square(model(x), 0 * x), list(model.parameters()))
        assert lr * value < 2


@pytest.mark.parametrize("share", [0.5, 1.0, 1.5, 2.5])
def test_q_is_eta_times_the_curvature_along_the_gradient(share: float) -> None:
    """Near its minimum the product network is a parabola along the gradient, with curvature λ: q = ηλ."""
    task, curvature = product_task(0)
    (trace,) = full_batch(task, SGD(), [share / curvature], 1, 1, LineProbe(1))
    q = -2 * trace.evaluations["probe_curvature"][0] / trace.evaluations["probe_slope"][0]
    assert q == pytest.approx(share, rel=0.02)
