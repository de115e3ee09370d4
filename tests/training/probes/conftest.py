"""Models with everything that a look inside could disturb, and a picture of all of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn


class Moody(nn.Module):
    """Batch norm, dropout, tied weights, a frozen layer, and random numbers of three generators."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.rnn = nn.GRU(16, 6, batch_first=True)
        self.one = nn.Linear(6, 6)
        self.two = nn.Linear(6, 6)
        self.two.weight = self.one.weight
        self.head = nn.Linear(6, 3)
        self.head.bias.requires_grad_(False)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        scale = 1 + 1e-3 * random.random() + 1e-3 * float(np.random.rand())
        h = self.drop(torch.relu(self.norm(self.conv(x)))).flatten(2)
        states, _ = self.rnn(h)
        return self.head(torch.tanh(self.two(torch.relu(self.one(states[:, -1]))))) * scale


@pytest.fixture
def moody() -> Moody:
    torch.manual_seed(0)
    model = Moody()
    model.drop.eval()  # flags that differ within the model
    return model


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(12, 1, 4, 4, generator=generator), torch.arange(12) % 3


@pytest.fixture
def unchanged() -> Callable[[nn.Module], object]:
    @contextmanager
    def watch(model: nn.Module) -> Iterator[None]:
        for p in model.parameters():
            p.grad = torch.full_like(p, 0.25)
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)
        before = _picture(model)
        yield
        after = _picture(model)
        assert before.keys() == after.keys()
        for what, value in before.items():
            assert value == after[what], f"{what} was changed"

    return watch


def _picture(model: nn.Module) -> dict[str, object]:
    picture: dict[str, object] = {
        "torch's generator": torch.get_rng_state().tolist(),
        "Python's generator": random.getstate(),
        "numpy's generator": str(np.random.get_state()),
        "grad mode": torch.is_grad_enabled(),
    }
    for name, part in model.named_modules():
        picture[f"flag of {name!r}"] = part.training
        picture[f"hooks of {name!r}"] = (
            len(part._forward_hooks),
            len(part._forward_pre_hooks),
            "forward" in vars(part),
        )
        for leaf, t in [*part._parameters.items(), *part._buffers.items()]:
            if t is not None:
                key = f"{name}.{leaf}"
                picture[key] = (id(t), t.data_ptr(), t._version, t.requires_grad, t.detach().numpy().tobytes())
                picture[f"gradient of {key}"] = None if t.grad is None else (id(t.grad), t.grad.numpy().tobytes())
    return picture
