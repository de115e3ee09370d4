"""The tasks on which the diagnosis is tried: half of them to choose thresholds on, half to report on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, cast, final

import numpy as np
import torch
from torch import Tensor, nn

from etude.core.rule import Rule
from etude.tasks.data import load_images
from etude.tasks.models import cnn, gru, mlp
from etude.tasks.task import Task
from etude.training.gradients.explicit import explicit_gradients
from etude.training.rules import SGD, Adam, AdamW

Half: TypeAlias = Literal["development", "held-out"]
HALF_DECADE = math.sqrt(10)


@final
@dataclass(frozen=True)
class World:
    """A task with what it is trained by.

    Attributes:
        name: For tables.
        make: Makes the task.
        rule: Update rule.
        batch_size: Examples per step.
        steps: Horizon.
        lowest: Lowest of the 13 learning rates of its sweep, half a decade apart.
        good: A learning rate in the middle of its basin, at which faults are planted.
        half: ``"development"``, where thresholds were chosen, or ``"held-out"``.
    """

    name: str
    make: Callable[[], Task]
    rule: Rule
    batch_size: int
    steps: int
    lowest: float
    good: float
    half: Half

    def lrs(self, seed: int) -> list[float]:
        """Learning rates of the sweep; every second one, the others at the next seed, where each lane costs a whole run."""
        task = self.make()
        dear = explicit_gradients(task.init(0), task) is None
        rates = [float(f"{self.lowest * HALF_DECADE**i:.4g}") for i in range(13)]
        return rates[seed % 2 :: 2] if dear else rates


@final
class RowRNN(nn.Module):
    """Elman network with tanh over the rows of an image, or over its single pixels; a linear layer on its last state."""

    def __init__(self, width: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.width = width
        self.rnn = nn.RNN(width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, S, S) → outputs (B, classes)."""
        states, _ = self.rnn(images.reshape(len(images), -1, self.width))
        return cast(Tensor, self.head(states[:, -1]))


@final
class Block(nn.Module):
    """Attention and a two-layer network, each on a residual branch, normalized behind (post) or before (pre) the branch."""

    def __init__(self, width: int, heads: int, *, post: bool) -> None:
        super().__init__()
        self.post, self.heads = post, heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, T, W) → the same."""
        for norm, branch in zip(self.norms, (self._attend, self._transform), strict=True):
            x = norm(x + branch(x)) if self.post else x + branch(norm(x))
        return x

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.reshape(*part.shape[:-1], self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
        return cast(Tensor, self.out((weights @ v).transpose(1, 2).flatten(2)))

    def _transform(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.down(self.relu(self.up(x))))


@final
class RowTransformer(nn.Module):
    """Transformer whose tokens are the rows of an image; a linear layer on the mean token."""

    def __init__(self, side: int, width: int, depth: int, classes: int, *, post: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(side, width)
        self.places = nn.Parameter(torch.randn(side, width) / math.sqrt(width))
        self.blocks = nn.Sequential(*(Block(width, 4, post=post) for _ in range(depth)))
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, S, S) → outputs (B, classes)."""
        return cast(Tensor, self.head(self.blocks(self.embed(images.squeeze(1)) + self.places).mean(dim=1)))


def noisy_digits(share: float, make_model: Callable[[], nn.Module]) -> Task:
    """Handwritten digits of which a share of the training labels is drawn anew."""
    images = load_images("digits")
    x, y = images.train
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(len(y), generator=generator) < share
    labels = torch.where(drawn, torch.randint(10, y.shape, generator=generator), y)
    return Task(f"digits-noise-{share}", make_model, (x, labels), images.validation)


def teacher(inputs: int, noise: float, seed: int, make_model: Callable[[], nn.Module]) -> Task:
    """Regression on y = sin(a·x) + |b·x| + ε for normal x in so many dimensions, targets standardized."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2500, inputs, generator=generator)
    a, b = torch.randn(2, inputs, generator=generator) / math.sqrt(inputs)
    y = torch.sin(2 * x @ a) + (x @ b).abs() + noise * torch.randn(len(x), generator=generator)
    y = ((y - y.mean()) / y.std()).unsqueeze(1)
    return Task(f"teacher-{inputs}", make_model, (x[:2000], y[:2000]), (x[2000:], y[2000:]))


def ill_conditioned(inputs: int, condition: float, seed: int) -> Task:
    """Linear regression on inputs whose variances range over so many times, most of the targets' along the largest."""
    generator = torch.Generator().manual_seed(seed)
    scales = 3 * torch.logspace(0, -math.log10(condition) / 2, inputs)  # the bias, of curvature 2, is far from the top
    x = scales * torch.randn(600, inputs, generator=generator)
    weights = torch.randn(inputs, 1, generator=generator) / scales.unsqueeze(1)
    weights[0] = 1
    y = x @ weights + 0.1 * torch.randn(600, 1, generator=generator)
    y /= y.std()
    return Task(f"ill-conditioned-{inputs}", partial(nn.Linear, inputs, 1), (x[:400], y[:400]), (x[400:], y[400:]))


def top_curvature(task: Task) -> float:
    """Largest eigenvalue of the mean squared error's Hessian for a linear model."""
    x = torch.cat([task.train[0], torch.ones(task.size("train"), 1)], dim=1).double()
    return float(torch.linalg.eigvalsh(2 * x.T @ x / len(x))[-1])


def digits(make_model: Callable[[], nn.Module]) -> Task:
    """Handwritten digits with any model."""
    images = load_images("digits")
    return Task("digits", make_model, images.train, images.validation)


def fashion(make_model: Callable[[], nn.Module]) -> Task:
    """Ten thousand pictures of clothing, every second pixel of each axis."""
    images = load_images("fashion-mnist")
    (x, y), (vx, vy) = images.train, images.validation
    train, held_out = (x[:10_000, :, ::2, ::2], y[:10_000]), (vx[:2000, :, ::2, ::2], vy[:2000])
    return Task("fashion-small", make_model, train, held_out)


def _on(
    half: Half, name: str, make: Callable[[], Task], rule: Rule, shape: tuple[int, int], lrs: tuple[float, float]
) -> World:
    (batch_size, steps), (lowest, good) = shape, lrs
    return World(name, make, rule, batch_size, steps, lowest, good, half)


def development() -> tuple[World, ...]:
    """Worlds on which thresholds were chosen."""
    heavy, plain, on = SGD(momentum=0.9), SGD(), cast(Any, partial(_on, "development"))
    two, one = partial(mlp, 64, (128, 128), 10), partial(mlp, 64, (128,), 10)
    small, net = partial(RowTransformer, 8, 32, 2, 10, post=False), partial(mlp, 12, (48, 48), 1, "gelu")
    return (
        on("mlp", partial(digits, two), heavy, (64, 400), (1e-5, 0.03)),
        on("mlp-adam", partial(digits, two), Adam(), (64, 400), (1e-6, 0.001)),
        on("mlp-noise", partial(noisy_digits, 0.4, one), heavy, (64, 400), (1e-5, 0.03)),
        on("cnn-bn", partial(digits, partial(cnn, 1, 8, 10, batch_norm=True)), heavy, (64, 300), (1e-5, 0.03)),
        on("gru-adam", partial(digits, partial(gru, 1, 8, 10, 48)), Adam(), (64, 300), (1e-6, 0.01)),
        on(
            "regression",
            partial(teacher, 8, 0.1, 3, partial(mlp, 8, (64, 64), 1, "tanh")),
            heavy,
            (64, 400),
            (1e-5, 0.1),
        ),
        on("cnn-adam", partial(digits, partial(cnn, 1, 8, 10)), Adam(), (32, 300), (1e-6, 0.003)),
        on("tanh-sgd", partial(digits, partial(mlp, 64, (64, 64, 64), 10, "tanh")), plain, (32, 400), (1e-4, 0.3)),
        on("rnn", partial(digits, partial(RowRNN, 8, 48, 10)), heavy, (64, 300), (1e-5, 0.03)),
        on("transformer", partial(digits, small), AdamW(), (64, 300), (1e-6, 0.003)),
        on("cnn-noise", partial(noisy_digits, 0.2, partial(cnn, 1, 8, 10)), heavy, (64, 300), (1e-5, 0.03)),
        on("regression-adam", partial(teacher, 12, 0.3, 5, net), AdamW(), (32, 400), (1e-6, 0.01)),
        on("fashion", partial(fashion, partial(mlp, 196, (64, 64), 10, "silu")), heavy, (128, 400), (1e-5, 0.03)),
    )


def held_out() -> tuple[World, ...]:
    """Worlds to report on: no threshold was changed after they had been looked at."""
    heavy, on = SGD(momentum=0.9), cast(Any, partial(_on, "held-out"))
    tokens = partial(RowTransformer, 14, 32, 2, 10, post=True)
    return (
        on("fashion-adamw", partial(fashion, partial(mlp, 196, (96, 96), 10)), AdamW(), (64, 400), (1e-6, 0.001)),
        on("fashion-cnn", partial(fashion, partial(cnn, 1, 14, 10, activation="gelu")), heavy, (64, 250), (1e-5, 0.03)),
        on("cnn-bn-adam", partial(digits, partial(cnn, 1, 8, 10, batch_norm=True)), Adam(), (32, 300), (1e-6, 0.003)),
        on("gru-sgd", partial(digits, partial(gru, 1, 8, 10, 32)), heavy, (32, 300), (1e-5, 0.1)),
        on("post-norm-adam", partial(fashion, tokens), Adam(), (32, 250), (1e-6, 0.005)),
        on(
            "noise-adamw",
            partial(noisy_digits, 0.3, partial(mlp, 64, (96,), 10, "silu")),
            AdamW(),
            (64, 400),
            (1e-6, 0.003),
        ),
        on(
            "teacher-sgd",
            partial(teacher, 16, 0.4, 9, partial(mlp, 16, (96,), 1)),
            SGD(momentum=0.8),
            (32, 400),
            (1e-5, 0.03),
        ),
        on("deep-adam", partial(digits, partial(mlp, 64, (48,) * 5, 10, "tanh")), Adam(), (32, 400), (1e-6, 0.001)),
    )


def chance_loss(task: Task) -> float:
    """Loss of the best constant output on the training data."""
    y = task.train[1]
    if not task.classification:
        return float(y.var(unbiased=False))
    shares = torch.bincount(y).double().numpy() / len(y)
    return float(-(shares * np.log(np.maximum(shares, 1e-12))).sum())
