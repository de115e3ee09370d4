"""Signals by depth against hand-made backward passes and the theory of random networks."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from etude.tasks.models import cnn, mlp
from etude.training.probes.depth import depth_profile


def rms(t: Tensor) -> float:
    return t.detach().square().mean().sqrt().item()


@pytest.mark.parametrize("inplace", [False, True])
def test_it_is_the_backward_pass_written_out(inplace: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(inplace), nn.Linear(6, 5), nn.ReLU(inplace), nn.Linear(5, 3)
    ).double()
    x, y = torch.randn(7, 4).double(), torch.arange(7) % 3
    found = depth_profile(model, lambda: functional.cross_entropy(model(x), y))
    W = [model[i].weight for i in (0, 2, 4)]
    b = [model[i].bias for i in (0, 2, 4)]
    z1 = x @ W[0].T + b[0]
    z2 = z1.relu() @ W[1].T + b[1]
    z3 = z2.relu() @ W[2].T + b[2]
    d3 = (z3.softmax(1) - functional.one_hot(y, 3)) / 7
    d2 = d3 @ W[2] * (z2 > 0)
    d1 = d2 @ W[1] * (z1 > 0)
    assert found.layers == ("0", "2", "4")
    assert found.activations == pytest.approx([rms(x), rms(z1.relu()), rms(z2.relu())], rel=1e-12)
    assert found.deltas == pytest.approx([rms(d1), rms(d2), rms(d3)], rel=1e-12)


@pytest.mark.parametrize(
    ("variance", "expected"), [(2.0, 1.0), (1.0, 9.54e-7), (1 / 3, 2.74e-16)], ids=["He", "1/n", "torch's default"]
)
def test_depth_does_to_the_signal_what_theory_says(variance: float, expected: float) -> None:
    """E[h²] at depth 20 over that of the data: (n Var w / 2)^20, width 512."""
    torch.manual_seed(0)
    model = mlp(512, (512,) * 20, 10)
    for p in model.parameters():
        nn.init.normal_(p, std=math.sqrt(variance / 512)) if p.dim() > 1 else nn.init.zeros_(p)
    x, y = torch.randn(64, 512), torch.arange(64) % 10
    found = depth_profile(model, lambda: functional.cross_entropy(model(x), y))
    ratio = (found.activations[20] / found.activations[0]) ** 2
    assert expected / 2 < ratio < expected * 2
    slope = -math.log10(math.sqrt(variance / 2))
    assert found.activation_growth.rate == pytest.approx(-slope, abs=0.02)
    assert found.delta_growth.rate == pytest.approx(slope, abs=0.03)


def test_torchs_default_initialization_vanishes_at_the_rate_that_its_remedy_rests_on() -> None:
    torch.manual_seed(0)
    model = mlp(256, (256,) * 20, 10)
    x, y = torch.randn(64, 256), torch.arange(64) % 10
    found = depth_profile(model, lambda: functional.cross_entropy(model(x), y))
    low, high = found.delta_growth.interval()
    assert low < math.log10(math.sqrt(6)) < high
    assert high - low < 0.1


def test_data_and_output_have_no_say_in_the_slopes() -> None:
    torch.manual_seed(0)
    model = mlp(64, (32, 32, 32, 32), 10)
    x, y = torch.randn(64, 64), torch.arange(64) % 10
    found = depth_profile(model, lambda: functional.cross_entropy(model(x), y))
    louder = depth_profile(model, lambda: 100 * functional.cross_entropy(model(x), y))
    assert found.activation_growth.points == found.delta_growth.points == 4
    assert found.delta_growth.rate == pytest.approx(math.log10(math.sqrt(6)), abs=0.1)
    assert louder.delta_growth.rate == pytest.approx(found.delta_growth.rate, rel=1e-4)


def test_kernels_and_functional_calls_are_layers_and_a_shared_weight_is_one() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(5, 4)
            self.matrix = nn.Parameter(torch.randn(4, 4))

        def forward(self, tokens: Tensor) -> Tensor:
            h = self.embedding(tokens)
            for _ in range(3):
                h = torch.tanh(functional.linear(h, self.matrix))
            return h

    shared, images = Shared(), torch.rand(6, 1, 8, 8)
    assert depth_profile(shared, lambda: shared(torch.arange(5)).sum()).layers == ("matrix",)
    model = cnn(1, 8, 10, batch_norm=True)
    assert depth_profile(model, lambda: model(images).square().mean()).layers == ("0", "4", "9")


def test_frozen_layers_and_unused_ones_have_no_delta() -> None:
    model = mlp(4, (3,), 2)
    model[1].requires_grad_(False)
    assert all(not math.isnan(d) for d in depth_profile(model, lambda: model(torch.ones(2, 4)).sum()).deltas[1:])
    model.requires_grad_(False)
    assert all(math.isnan(d) for d in depth_profile(model, lambda: model(torch.ones(2, 4)).sum()).deltas)


def test_looking_leaves_no_trace(moody: nn.Module, batch: tuple, unchanged: Callable) -> None:
    x, y = batch
    moody.train()
    with unchanged(moody):
        depth_profile(moody, lambda: functional.cross_entropy(moody(x), y))
    with unchanged(moody), pytest.raises(ZeroDivisionError):
        depth_profile(moody, lambda: moody(x).sum() / (1 // 0))
