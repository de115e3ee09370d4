"""Models and data with something wrong, planted on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from etude.core.task import Split
from etude.tasks.task import Task

Alter = Callable[[nn.Module], None]


@final
@dataclass(frozen=True)
class Altered:
    """A maker of models whose fresh weights are changed."""

    make: Callable[[], nn.Module]
    alter: Alter

    def __call__(self) -> nn.Module:
        """A model."""
        model = self.make()
        with torch.no_grad():
            self.alter(model)
        return model


def altered(task: Task, alter: Alter) -> Task:
    """The same task with another initialization."""
    make = Altered(task.make_model, alter)
    return Task(task.name, make, task.train, task.validation, task.criterion, task.classification)


def with_model(task: Task, make: Callable[[], nn.Module]) -> Task:
    """The same data with another model."""
    return Task(task.name, make, task.train, task.validation, task.criterion, task.classification)


def scale_hidden(gain: float, model: nn.Module) -> None:
    """Multiply every weight matrix but the last."""
    for p in _weights(model)[:-1]:
        p.mul_(gain)


def scale_filters(gain: float, model: nn.Module) -> None:
    """Multiply every convolution's weights."""
    for p in _weights(model):
        if p.dim() > 2:
            p.mul_(gain)


def make_steep(gain: float, share: float, model: nn.Module) -> None:
    """Multiply hidden weights by one factor and the last ones by another, which keeps outputs small and gradients large."""
    scale_hidden(gain, model)
    scale_output(share, model)


def scale_output(gain: float, model: nn.Module) -> None:
    """Multiply the last weight matrix."""
    _weights(model)[-1].mul_(gain)


def normal(std: float, model: nn.Module) -> None:
    """Draw every weight from N(0, std²), biases zero."""
    for p in model.parameters():
        p.normal_(0, std) if p.dim() > 1 else p.zero_()


def constant(value: float, model: nn.Module) -> None:
    """Give every weight one value."""
    for p in model.parameters():
        p.fill_(value) if p.dim() > 1 else p.zero_()


def shift_biases(value: float, model: nn.Module) -> None:
    """Add to the biases of all hidden layers, as far below zero as no input reaches."""
    biases = [p for p in model.parameters() if p.dim() == 1]
    for p in biases[:-1]:
        p.add_(value)


def explode_in_time(gain: float, model: nn.Module) -> None:
    """Give recurrent weights a spectral radius."""
    for name, p in model.named_parameters():
        if "weight_hh" in name:
            nn.init.orthogonal_(p)
            p.mul_(gain)


def _weights(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.dim() > 1]


@final
@dataclass(frozen=True)
class Spiky:
    """A task whose inputs, or targets where they are numbers, are too large at some steps."""

    task: Task
    steps: tuple[int, ...]
    factor: float

    @property
    def name(self) -> str:
        """As of the task."""
        return self.task.name

    @property
    def fingerprint(self) -> str:
        """As of the task, and which steps."""
        return f"{self.task.fingerprint}-{self.steps}"

    @property
    def classification(self) -> bool:
        """As of the task."""
        return self.task.classification

    @property
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """As of the task."""
        return self.task.criterion

    def init(self, seed: int) -> nn.Module:
        """As of the task."""
        return self.task.init(seed)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """As of the task."""
        return self.task.loss(output, target)

    def size(self, split: Split) -> int:
        """As of the task."""
        return self.task.size(split)

    def batch(self, seed: int, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """As of the task, but with larger inputs at the steps."""
        x, y = self.task.batch(seed, step, batch_size)
        if step not in self.steps:
            return x, y
        return (x, self.factor * y) if y.is_floating_point() else (self.factor * x, y)

    def examples(self, split: Split, limit: int | None = None) -> tuple[Tensor, Tensor]:
        """As of the task."""
        return self.task.examples(split, limit)

    def metrics(self, output: Tensor, target: Tensor) -> dict[str, float]:
        """As of the task."""
        return self.task.metrics(output, target)


def first(task: Task, count: int) -> Task:
    """The same task with few training examples."""
    x, y = (part[:count] for part in task.train)
    return Task(task.name, task.make_model, (x, y), task.validation, task.criterion, task.classification)


def few_examples(task: Task, count: int) -> Task:
    """The same task with few training examples, half of whose labels are drawn anew."""
    x, y = (part[:count] for part in task.train)
    generator = torch.Generator().manual_seed(3)
    drawn = torch.rand(count, generator=generator) < 0.5
    labels = torch.where(drawn, torch.randint(int(y.max()) + 1, y.shape, generator=generator), y)
    return Task(task.name, task.make_model, (x, labels), task.validation, task.criterion, task.classification)


def nothing_to_learn(task: Task) -> Task:
    """The same inputs with targets that have nothing to do with them, many times as many as the model can remember."""
    x, y = task.train
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(20_000, *x.shape[1:], generator=generator)
    rows = torch.randint(len(y), (20_000,), generator=generator)
    return Task(task.name, task.make_model, (inputs, y[rows]), task.validation, task.criterion, task.classification)
