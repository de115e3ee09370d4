"""Small float64 tasks of every kind of built-in model, and runs on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from etude.core.rule import UpdateRule
from etude.core.schedule import Schedule
from etude.core.spec import RunSpec, TaskRef
from etude.schedules.constant import Constant
from etude.tasks.models import RowGRU, cnn, mlp
from etude.tasks.task import Task
from etude.training.rules import SGD

MODELS: dict[str, Callable[[], torch.nn.Module]] = {
    "mlp": lambda: mlp(64, (16, 12), 10, "tanh"),
    "cnn": lambda: cnn(1, 8, 10),
    "cnn-bn": lambda: cnn(1, 8, 10, batch_norm=True),
    "gru": lambda: RowGRU(1, 8, 12, 10),
}
RULES: dict[str, UpdateRule] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9, weight_decay=1e-3),
    "nesterov": SGD(momentum=0.8, nesterov=True),
}


@pytest.fixture(scope="session")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    x = torch.rand(60, 1, 8, 8, generator=generator, dtype=torch.float64)
    y = (x.flatten(1)[:, :10]).argmax(1)
    return x, y


@pytest.fixture
def task_of(images: tuple[torch.Tensor, torch.Tensor]) -> Callable[[str], Task]:
    x, y = images

    def make(model: str, dtype: torch.dtype = torch.float64) -> Task:
        task = Task(model, MODELS[model], train=(x[:48].float(), y[:48]), validation=(x[48:].float(), y[48:]))
        return task.to(dtype=dtype)

    return make


@pytest.fixture
def spec_of() -> Callable[..., RunSpec]:
    def make(
        lr: float,
        rule: UpdateRule | None = None,
        steps: int = 20,
        schedule: Schedule | None = None,
        **options: object,
    ) -> RunSpec:
        fields: dict[str, object] = {"batch_size": 16, "seed": 3, "evaluate_every": 10} | options
        return RunSpec(
            task=TaskRef("small", "0"),
            rule=rule or SGD(),
            schedule=schedule or Constant(steps),
            peak_lr=lr,
            steps=steps,
            **fields,  # type: ignore[arg-type]
        )

    return make
