"""The handwritten digits with something wrong, planted on purpose, and the healthy twin of each: patients for a diagnosis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, final

import torch
from torch import Tensor, nn

from etude.tasks.data import load_images
from etude.tasks.models import Activation, mlp
from etude.tasks.task import Task

Start: TypeAlias = Callable[[nn.Module], None]
Pair: TypeAlias = tuple[Tensor, Tensor]
Spoil: TypeAlias = Callable[[Pair], Pair]

PIXELS, CLASSES = 64, 10
SHALLOW, MIDDLE, DEEP = (64, 64), (64,) * 5, (48,) * 12


@final
@dataclass(frozen=True)
class Planted:
    """A maker of networks whose fresh weights are changed.

    Attributes:
        make: Makes the network.
        start: Changes its weights in place; draws from torch's generator.
    """

    make: Callable[[], nn.Module]
    start: Start

    def __call__(self) -> nn.Module:
        """A network."""
        model = self.make()
        with torch.no_grad():
            self.start(model)
        return model


def _net(hidden: tuple[int, ...], activation: Activation = "relu") -> nn.Sequential:
    """Fully connected network whose layers have names that say where they are, in alphabetical order."""
    digits = len(str(len(hidden)))
    names = ["flatten"]
    for i in range(1, len(hidden) + 1):
        names += [f"layer{i:0{digits}}", f"{activation}{i:0{digits}}"]
    model = mlp(PIXELS, hidden, CLASSES, activation)
    return nn.Sequential(OrderedDict(zip([*names, "output"], model, strict=True)))


def normal(gain: float, model: nn.Module) -> None:
    """Draw every weight from N(0, gain²/n_in), biases zero; √2 is the start of He et al. (2015), eq. 10."""
    for p in model.parameters():
        p.normal_(0, gain / p.shape[1] ** 0.5) if p.dim() > 1 else p.zero_()


def constant(value: float, model: nn.Module) -> None:
    """Give all weights one value, biases zero."""
    for p in model.parameters():
        p.fill_(value if p.dim() > 1 else 0.0)


def scale_hidden(gain: float, model: nn.Module) -> None:
    """Multiply every weight matrix but the last."""
    for p in [p for p in model.parameters() if p.dim() > 1][:-1]:
        p.mul_(gain)


def scale_output(gain: float, model: nn.Module) -> None:
    """Multiply the last weight matrix."""
    [p for p in model.parameters() if p.dim() > 1][-1].mul_(gain)


def repeat(times: int, pair: Pair) -> Pair:
    """The examples over and over, so that a short training meets every copy once at most."""
    x, y = pair
    return x.repeat(times, *[1] * (x.dim() - 1)), y.repeat(times)


def damage(times: int, count: int, factor: float, pair: Pair) -> Pair:
    """The same, where a few copies, drawn at random, are so many times as large as they should be."""
    x, y = repeat(times, pair)
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(4))[:count]
    x[rows] *= factor
    return x, y


def keep_few(count: int, share: float, pair: Pair) -> Pair:
    """Keep the first examples only, and draw a share of their labels anew."""
    x, y = (part[:count] for part in pair)
    generator = torch.Generator().manual_seed(3)
    drawn = torch.rand(count, generator=generator) < share
    return x, torch.where(drawn, torch.randint(CLASSES, y.shape, generator=generator), y)


def draw_labels(share: float, pair: Pair) -> Pair:
    """Draw a share of the labels anew."""
    x, y = pair
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(len(y), generator=generator) < share
    return x, torch.where(drawn, torch.randint(CLASSES, y.shape, generator=generator), y)


def unrelated(count: int, pair: Pair) -> Pair:
    """Inputs that have nothing to do with the labels, many more than the network can remember."""
    x, y = pair
    generator = torch.Generator().manual_seed(2)
    rows = torch.randint(len(y), (count,), generator=generator)
    return torch.randn(count, *x.shape[1:], generator=generator), y[rows]


_plain = partial(_net, SHALLOW)
_middle = partial(_net, MIDDLE)
_deep = partial(_net, DEEP)
_tanh = partial(_net, (64,) * 3, "tanh")
_he = partial(normal, 2**0.5)

NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "plain": _plain,
    "symmetric": Planted(_plain, partial(constant, 0.02)),
    "loud-output": Planted(_plain, partial(scale_output, 200.0)),
    "five-he": Planted(_middle, _he),
    "five-loud": Planted(_middle, partial(normal, 3.0)),
    "deep": _deep,
    "deep-he": Planted(_deep, _he),
    "tanh": _tanh,
    "tanh-saturated": Planted(_tanh, partial(scale_hidden, 20.0)),
}
"""Fully connected networks by name: with torch's default start, or with another."""

DATA: Mapping[str, Spoil | None] = {
    "digits": None,
    "repeated": partial(repeat, 14),
    "damaged": partial(damage, 14, 24, 100.0),
    "noisy": partial(draw_labels, 0.4),
    "few": partial(keep_few, 300, 0.5),
    "unrelated": partial(unrelated, 20_000),
}
"""Training data by name: the digits as they are, or spoilt. Held-out data is never touched."""


def planted_task(network: str, data: str) -> Task:
    """The task of this name, ``"NETWORK on DATA"``.

    Example:
        >>> planted_task("plain", "few").size("train")
        300
    """
    images, spoil = load_images("digits"), DATA[data]
    train = images.train if spoil is None else spoil(images.train)
    return Task(f"{network} on {data}", NETWORKS[network], train, images.validation)
