"""The written-out gradient against autograd."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from etude.tasks.task import Task
from etude.training.gradients.explicit import explicit_gradients, mlp_layers
from etude.training.gradients.looped import LoopedGradients

ACTIVATIONS = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Identity]


def task_with(make: Callable[[], nn.Module], regression: bool, loss: object = None, flat: bool = True) -> Task:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, *((6,) if flat else (2, 3)), generator=generator, dtype=torch.float64)
    y = torch.randn(40, 4, generator=generator, dtype=torch.float64) if regression else torch.arange(40) % 4
    return Task("small", lambda: make().double(), train=(x, y), loss=loss)  # type: ignore[arg-type]


def stacked(task: Task, lanes: int) -> dict[str, torch.Tensor]:
    models = [task.init(k) for k in range(lanes)]
    return {n: torch.stack([m.get_parameter(n).detach() for m in models]) for n, _ in models[0].named_parameters()}


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_losses_gradients_and_outputs_are_those_of_autograd(
    activation: type[nn.Module], bias: bool, regression: bool
) -> None:
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Linear(6, 5, bias=bias),
            activation(),
            nn.Linear(5, 7, bias=bias),
            activation(),
            nn.Linear(7, 4, bias=bias),
        )

    task = task_with(make, regression)
    params = stacked(task, 3)
    explicit = explicit_gradients(task.init(0), task)
    assert explicit is not None
    x, y = task.batch(0, 0, 16)
    losses, grads = explicit(params, {}, x, y, 0)
    twin = LoopedGradients(task.init(0), task, random=False)
    expected_losses, expected = twin(params, {}, x, y, 0)
    torch.testing.assert_close(losses, expected_losses, rtol=1e-12, atol=0)
    assert grads.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(grads[name], expected[name], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(explicit.outputs(params, {}, x), twin.outputs(params, {}, x), rtol=1e-12, atol=1e-14)


def test_inputs_that_are_images_are_flattened() -> None:
    task = task_with(lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4)), regression=False, flat=False)
    explicit = explicit_gradients(task.init(0), task)
    assert explicit is not None
    x, y = task.batch(0, 0, 8)
    losses, _ = explicit(stacked(task, 1), {}, x, y, 0)
    torch.testing.assert_close(losses[0], task.loss(task.init(0)(x), y).detach(), rtol=1e-12, atol=0)


def hooked() -> nn.Module:
    linear = nn.Linear(6, 4)
    linear.register_forward_hook(lambda _module, _args, out: 2 * out)
    return nn.Sequential(linear)


def tied() -> nn.Module:
    linear = nn.Linear(6, 6)
    return nn.Sequential(linear, nn.ReLU(), linear)


class Subclass(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + 1


@pytest.mark.parametrize(
    "make",
    [
        hooked,
        tied,
        lambda: Subclass(nn.Linear(6, 4)),
        lambda: nn.Linear(6, 4),
        lambda: nn.Sequential(nn.Linear(6, 4), nn.GELU(approximate="tanh")),
        lambda: nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5)),
        lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)),
        lambda: nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.ReLU()),
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4))),
    ],
)
def test_any_other_module_is_left_to_autograd(make: Callable[[], nn.Module]) -> None:
    module = make()
    assert mlp_layers(module, torch.zeros(6)) is None


def test_a_linear_layer_that_maps_the_last_axis_only_is_left_to_autograd() -> None:
    assert mlp_layers(nn.Sequential(nn.Linear(3, 4)), torch.zeros(2, 3)) is None


@pytest.mark.parametrize(
    ("loss", "regression"),
    [
        (nn.CrossEntropyLoss(label_smoothing=0.1), False),
        (lambda out, y: F.cross_entropy(out, y), False),
        (F.l1_loss, True),
    ],
)
def test_any_other_loss_is_left_to_autograd(loss: object, regression: bool) -> None:
    task = task_with(lambda: nn.Sequential(nn.Linear(6, 4)), regression, loss)
    assert explicit_gradients(task.init(0), task) is None
