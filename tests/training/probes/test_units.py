"""Dead, saturated and alike units, on networks where one can say how many there are."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from etude.tasks.models import cnn, mlp
from etude.training.probes.units import alikeness, count_units


def examples(features: int = 4, n: int = 1024) -> Tensor:
    return torch.rand(n, features, generator=torch.Generator().manual_seed(0)) - 0.5


def two_of_five_dead() -> nn.Linear:
    """Features in (−½, ½); two units with a bias far below, three that see both signs."""
    layer = nn.Linear(4, 5)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(5, 4))
        layer.weight[4] = 1.0
        layer.bias.copy_(torch.tensor([-20.0, 0.0, 0.0, -20.0, 0.0]))
    return layer


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.GELU(), nn.SiLU(), nn.ELU(), nn.Softplus(), nn.Mish()],
)
def test_a_unit_that_no_example_reaches_is_dead(activation: nn.Module) -> None:
    model = nn.Sequential(two_of_five_dead(), activation)
    found = count_units(model, lambda: model(examples()))
    assert found["1"].units == 5
    assert found["1"].dead == pytest.approx(0.4)
    assert math.isnan(found["1"].saturated)


def test_a_leaky_unit_never_dies() -> None:
    model = nn.Sequential(two_of_five_dead(), nn.LeakyReLU())
    assert count_units(model, lambda: model(examples()))["1"].dead == 0


def test_one_example_that_reaches_a_unit_keeps_it_alive_whatever_the_portion_it_comes_in() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    nn.init.ones_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    x = torch.full((1024, 1), -1.0)
    assert count_units(model, lambda: model(x))["1"].dead == 1
    x[700] = 0.1
    assert count_units(model, lambda: [model(part) for part in x.split(100)])["1"].dead == 0


@pytest.mark.parametrize(
    ("activation", "limit"),
    [
        (nn.Tanh(), math.atanh(0.97)),
        (nn.Sigmoid(), 2 * math.atanh(0.97)),
        (nn.Hardtanh(), 1.0),
        (nn.Hardsigmoid(), 3.0),
    ],
)
def test_saturation_is_the_share_of_examples_on_the_flat_ends(activation: nn.Module, limit: float) -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), activation).double()
    nn.init.ones_(model[0].weight)
    x = torch.linspace(-4 * limit, 4 * limit, 4001, dtype=torch.float64).unsqueeze(1)
    expected = float((x.abs() > limit).double().mean())
    assert count_units(model, lambda: model(x))["1"].saturated == pytest.approx(expected, abs=2e-3)


def test_units_of_a_convolution_are_its_channels() -> None:
    torch.manual_seed(0)
    model = cnn(1, 8, 10, batch_norm=True)
    with torch.no_grad():
        model[1].weight[:4] = 0
        model[1].bias[:4] = -1
    found = count_units(model, lambda: model(torch.rand(64, 1, 8, 8)))
    assert [units.units for units in found.values()] == [16, 32]
    assert found["2"].dead == 0.25


class Functional(nn.Module):
    """One shared module, functional calls, a loop over the same weights, a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(3, 3)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = torch.sigmoid(self.b(self.act(self.a(x))))
        for _ in range(3):
            h = self.act(self.c(h))
        return functional.tanh(self.a(x).unsqueeze(1)).relu_()


def test_functions_are_named_by_who_calls_them_and_told_apart_by_their_weights() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"body": Functional()})
    found = count_units(model, lambda: model["body"](examples()))
    assert {name: units.units for name, units in found.items()} == {
        "body.act": 6,
        "body.sigmoid": 3,
        "body.act_1": 3,
        "body.tanh": 6,
        "body.relu": 6,
    }


def test_the_features_of_a_sequence_are_units() -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    found = count_units(model, lambda: model(torch.randn(32, 8, 8)))
    assert [units.units for units in found.values()] == [16]


def test_activations_that_are_not_finite_say_nothing() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    assert math.isnan(count_units(model, lambda: model(examples() * torch.inf))["1"].dead)


def test_counting_leaves_no_trace(moody: nn.Module, batch: tuple, unchanged: Callable) -> None:
    with unchanged(moody):
        count_units(moody, lambda: moody(batch[0]))

    def fail() -> None:
        moody(batch[0])
        raise ZeroDivisionError

    with unchanged(moody), pytest.raises(ZeroDivisionError):
        count_units(moody, fail)
    with unchanged(moody), pytest.raises(RuntimeError):
        count_units(moody, lambda: moody(torch.zeros(1)))


def test_units_of_a_constant_initialization_are_alike_and_drawn_ones_are_not() -> None:
    x, y = torch.rand(64, 1, 8, 8), torch.arange(64) % 10
    model = mlp(64, (16,), 10)
    drawn = torch.autograd.grad(functional.cross_entropy(model(x), y), model[1].weight)[0]
    for p in model.parameters():
        nn.init.constant_(p, 0.05)
    with torch.no_grad():
        model[3].weight.copy_(torch.randn(10, 1).expand(10, 16))
    same = torch.autograd.grad(functional.cross_entropy(model(x), y), model[1].weight)[0]
    assert alikeness(same) > 0.999
    assert alikeness(drawn) < 0.5


@given(st.integers(0, 100))
def test_alikeness_is_the_mean_over_all_pairs(seed: int) -> None:
    g = torch.randn(7, 3, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    g[2] = 0
    pairs = [
        float(functional.cosine_similarity(g[u].flatten(), g[v].flatten(), dim=0))
        for u in range(7)
        for v in range(7)
        if u != v and 2 not in (u, v)
    ]
    assert alikeness(g) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_one_unit_has_nobody_to_resemble() -> None:
    assert math.isnan(alikeness(torch.ones(1, 3)))
