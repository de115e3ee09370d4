"""Data of the scoreboard's worlds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from etude.tasks.data import Images, load_images
from etude.tasks.task import Task

Pair = tuple[Tensor, Tensor]


def noisy_digits(share: float, make_model: Callable[[], nn.Module]) -> Task:
    """Handwritten digits of which a share of the training labels is drawn anew."""
    images = load_images("digits")
    x, y = images.train
    return Task(f"digits-noise-{share}", make_model, (x, _drawn_anew(y, 10, share, 1)), images.validation)


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


def _every_second(pixels: Tensor) -> Tensor:
    return pixels[:, :, ::2, ::2]


def _every_third(pixels: Tensor) -> Tensor:
    return pixels[:, :, 1::3, 1::3]


def _drawn_anew(labels: Tensor, classes: int, share: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(len(labels), generator=generator) < share
    return torch.where(drawn, torch.randint(classes, labels.shape, generator=generator), labels)


def _clothing(shrink: Callable[[Tensor], Tensor], first: int, count: int, other: int, others: int) -> tuple[Pair, Pair]:
    images = _all_clothing()
    parts = ((images.train, slice(first, first + count)), (images.validation, slice(other, other + others)))
    (x, y), (vx, vy) = ((pixels[rows], labels[rows]) for (pixels, labels), rows in parts)
    return (shrink(x), y), (shrink(vx), vy)


@cache
def _all_clothing() -> Images:
    return load_images("fashion-mnist")


def digits(make_model: Callable[[], nn.Module]) -> Task:
    """Handwritten digits with any model."""
    images = load_images("digits")
    return Task("digits", make_model, images.train, images.validation)


def fashion(make_model: Callable[[], nn.Module]) -> Task:
    """Ten thousand pictures of clothing, every second pixel of each axis."""
    train, held_out = _clothing(_every_second, 0, 10_000, 0, 2000)
    return Task("fashion-small", make_model, train, held_out)


def pooled(side: int, start: int, count: int, noise: float, make_model: Callable[[], nn.Module]) -> Task:
    """Pictures of clothing as means over squares of pixels, so many of them, a share of the labels drawn anew."""
    (x, y), held_out = _clothing(partial(F.avg_pool2d, kernel_size=28 // side), start, count, 2000, 2000)
    return Task(f"pooled-{side}-{noise}", make_model, (x, _drawn_anew(y, 10, noise, 11)), held_out)


def thirds(noise: float, make_model: Callable[[], nn.Module]) -> Task:
    """Pictures of clothing, every third pixel of each axis, a share of the training labels drawn anew."""
    (x, y), held_out = _clothing(_every_third, 45_000, 6000, 4000, 2000)
    return Task(f"thirds-{noise}", make_model, (x, _drawn_anew(y, 10, noise, 31)), held_out)


def friedman(noise: float, make_model: Callable[[], nn.Module]) -> Task:
    """Regression on y = 10 sin(πx₁x₂) + 20(x₃ − ½)² + 10x₄ + 5x₅ + ε for ten uniform inputs, standardized.

    Source: Friedman (1991), Multivariate adaptive regression splines, eq. 61.
    """
    generator = torch.Generator().manual_seed(21)
    x = torch.rand(3000, 10, generator=generator)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = y + noise * torch.randn(len(x), generator=generator)
    y, x = ((y - y.mean()) / y.std()).unsqueeze(1), (x - 0.5) * math.sqrt(12)
    return Task("friedman", make_model, (x[:2400], y[:2400]), (x[2400:], y[2400:]))


def arm(noise: float, make_model: Callable[[], nn.Module]) -> Task:
    """Regression on where the hand of an arm of two links is, from their angles and three inputs that do not matter."""
    generator = torch.Generator().manual_seed(22)
    x = torch.rand(2500, 5, generator=generator) * 2 - 1
    first, both = math.pi * x[:, 0] / 1.5, math.pi * (x[:, 0] / 1.5 + x[:, 1])
    y = torch.stack([first.cos() + 0.7 * both.cos(), first.sin() + 0.7 * both.sin()], dim=1)
    y = y + noise * torch.randn(y.shape, generator=generator)
    y, x = (y - y.mean(dim=0)) / y.std(dim=0), math.sqrt(3) * x
    return Task("arm", make_model, (x[:2000], y[:2000]), (x[2000:], y[2000:]))


def spirals(arms: int, make_model: Callable[[], nn.Module]) -> Task:
    """Points on so many spirals in the plane; which one?"""
    generator = torch.Generator().manual_seed(23)
    label = torch.randint(arms, (2500,), generator=generator)
    along = torch.rand(2500, generator=generator).sqrt()
    angle = 2 * math.pi * (0.7 * along + label / arms) + 0.15 * torch.randn(2500, generator=generator)
    x = 1.7 * along.unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], dim=1)
    return Task(f"spirals-{arms}", make_model, (x[:2000], label[:2000]), (x[2000:], label[2000:]))


def mixture(classes: int, make_model: Callable[[], nn.Module]) -> Task:
    """Three normal clouds in twenty dimensions for each class."""
    generator = torch.Generator().manual_seed(24)
    centres = 0.8 * torch.randn(3 * classes, 20, generator=generator)
    cloud = torch.randint(3 * classes, (3500,), generator=generator)
    x, y = centres[cloud] + torch.randn(3500, 20, generator=generator), cloud % classes
    return Task(f"mixture-{classes}", make_model, (x[:3000], y[:3000]), (x[3000:], y[3000:]))


def recall(length: int, symbols: int, make_model: Callable[[], nn.Module]) -> Task:
    """Sequences of symbols, one of which is marked; which one? Tokens are rows: the symbol, the mark, and a constant 1."""
    generator = torch.Generator().manual_seed(25)
    tokens = torch.randint(symbols, (3000, length), generator=generator)
    marked = torch.randint(length, (3000,), generator=generator)
    x = torch.cat([F.one_hot(tokens, symbols), F.one_hot(marked, length).unsqueeze(2), torch.ones(3000, length, 1)], 2)
    x, y = x.unsqueeze(1), tokens[torch.arange(3000), marked]
    return Task(f"recall-{length}", make_model, (x[:2500], y[:2500]), (x[2500:], y[2500:]))


def scattered(noise: float, make_model: Callable[[], nn.Module]) -> Task:
    """Regression on y = sin(2x₁) + x₂x₃ + (0.2 + s|x₄|)ε for four uniform inputs of unit variance, standardized."""
    generator = torch.Generator().manual_seed(32)
    x = math.sqrt(3) * (torch.rand(3000, 4, generator=generator) * 2 - 1)
    spread = 0.2 + noise * x[:, 3].abs()
    y = torch.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + spread * torch.randn(3000, generator=generator)
    y = ((y - y.mean()) / y.std()).unsqueeze(1)
    return Task("scattered", make_model, (x[:2400], y[:2400]), (x[2400:], y[2400:]))


def waves(noise: float, make_model: Callable[[], nn.Module]) -> Task:
    """Regression on y = sin(2x₁) cos(1.5x₂) + x₁/2 + ε for two uniform inputs of unit variance, standardized."""
    generator = torch.Generator().manual_seed(33)
    x = math.sqrt(3) * (torch.rand(2500, 2, generator=generator) * 2 - 1)
    y = torch.sin(2 * x[:, 0]) * torch.cos(1.5 * x[:, 1]) + x[:, 0] / 2 + noise * torch.randn(2500, generator=generator)
    y = ((y - y.mean()) / y.std()).unsqueeze(1)
    return Task("waves", make_model, (x[:2000], y[:2000]), (x[2000:], y[2000:]))


def shells(classes: int, blur: float, make_model: Callable[[], nn.Module]) -> Task:
    """Normal points in six dimensions, in equal classes by their distance from the origin, which is read with noise."""
    generator = torch.Generator().manual_seed(34)
    x = torch.randn(4000, 6, generator=generator)
    distance = x.norm(dim=1) + blur * torch.randn(4000, generator=generator)
    y = distance.argsort().argsort() * classes // 4000
    return Task(f"shells-{classes}", make_model, (x[:3200], y[:3200]), (x[3200:], y[3200:]))


def exclusive(flipped: float, make_model: Callable[[], nn.Module]) -> Task:
    """Whether two of ten normal inputs have the same sign; a share of the training labels is wrong."""
    generator = torch.Generator().manual_seed(35)
    x = torch.randn(4000, 10, generator=generator)
    y = (x[:, 0] * x[:, 1] > 0).long()
    return Task("exclusive", make_model, (x[:3200], _drawn_anew(y[:3200], 2, 2 * flipped, 36)), (x[3200:], y[3200:]))
