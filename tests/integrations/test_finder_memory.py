"""A finder leaves no trace: what a training step changes is given back to the bit."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from etude.integrations.finder.digest import digest_of
from etude.integrations.finder.memory import Memory

Training = tuple[list[object], Callable[[], object]]


class Odd(nn.Module):
    """Dropout, batch norm, a counter, a buffer that is replaced, a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.calls = 0
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean(dim=0).detach()
        return self.second(self.drop(self.norm(self.first(x))))


def training(make_optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> Training:
    torch.manual_seed(1)
    model = Odd()
    optimizer = make_optimizer(list(model.parameters()))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=50)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)

    def step() -> None:
        optimizer.zero_grad()
        x = torch.randn(8, 4) + float(np.random.rand()) + random.random()
        loss = functional.mse_loss(model(x), x)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()

    return [model, optimizer, scheduler, scaler], step


@pytest.mark.parametrize("warm", [0, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: torch.optim.Adam(p, lr=0.01),
        lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
        lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True),
    ],
)
def test_training_is_undone_to_the_bit(make: Callable[..., torch.optim.Optimizer], warm: int) -> None:
    roots, step = training(make)
    for _ in range(warm):
        step()
    memory = Memory(roots)
    before = digest_of(roots)
    for _ in range(2):
        for _ in range(3):
            step()
        assert digest_of(roots) != before
        memory.restore()
        assert digest_of(roots) == before


def test_after_a_restore_training_goes_on_with_the_same_bits() -> None:
    roots, step = training(lambda p: torch.optim.Adam(p, lr=0.01))
    step()
    memory = Memory(roots)
    for _ in range(4):
        step()
    wished = digest_of(roots)
    memory.restore()
    for _ in range(4):
        step()
    assert digest_of(roots) == wished


def test_two_optimizers_of_a_gan_are_undone_together() -> None:
    generator, critic = nn.Linear(2, 3), nn.Linear(3, 1)
    g, c = torch.optim.Adam(generator.parameters()), torch.optim.RMSprop(critic.parameters())
    roots = [generator, critic, g, c]
    memory, before = Memory(roots), digest_of(roots)
    c.zero_grad()
    (critic(generator(torch.randn(5, 2)).detach()).mean() - critic(torch.randn(5, 3)).mean()).backward()
    c.step()
    g.zero_grad()
    critic(generator(torch.randn(5, 2))).mean().neg().backward()
    g.step()
    memory.restore()
    assert digest_of(roots) == before
    assert generator.weight.grad is None


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.eval(),
        lambda m: m.first.bias.requires_grad_(False),
        lambda m: setattr(m.first.bias, "grad", torch.ones(4)),
        lambda m: m.mean.add_(1e-30),
        lambda m: setattr(m, "calls", 9),
        lambda m: setattr(m.first.bias, "data", torch.ones(4)),
        lambda m: m.add_module("more", nn.Linear(1, 1)),
        lambda m: setattr(m, "added", 1),
        lambda m: torch.rand(1),
        lambda m: np.random.rand(),
        lambda m: random.random(),
    ],
)
def test_every_single_change_is_seen_and_undone(change: Callable[[Odd], object]) -> None:
    model = Odd()
    memory = Memory([model])
    before = digest_of([model])
    change(model)
    assert digest_of([model]) != before
    memory.restore()
    assert digest_of([model]) == before


def test_what_refers_to_a_parameter_still_does_so_after_a_restore() -> None:
    model = Odd()
    bias, tied = model.first.bias, model.first.weight
    memory = Memory([model])
    model.first.bias = nn.Parameter(torch.ones(4))
    memory.restore()
    assert model.first.bias is bias
    assert model.second.weight is tied


def test_a_generator_of_ones_own_is_kept() -> None:
    own, numpy_own, python_own = torch.Generator().manual_seed(3), np.random.default_rng(3), random.Random(3)
    memory = Memory([own, numpy_own, python_own])
    draw = lambda: (torch.rand(2, generator=own).tolist(), numpy_own.random(), python_own.random())  # noqa: E731
    first = draw()
    memory.restore()
    assert draw() == first
