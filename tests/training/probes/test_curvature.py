"""The parabola along an update, and sharpness in a preconditioner's coordinates, against dense algebra."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.func import functional_call

from etude.tasks.models import mlp
from etude.training.probes.curvature import line_probe, model_sharpness

Weights = dict[str, Tensor]


def small() -> tuple[nn.Module, Callable[[], Tensor], Tensor, Tensor]:
    """A small float64 network, its loss, and its dense gradient and Hessian."""
    torch.manual_seed(0)
    model = mlp(16, (5,), 3, "tanh").double()
    x, y = torch.randn(30, 1, 4, 4, dtype=torch.float64), torch.arange(30) % 3
    shapes = {n: p.shape for n, p in model.named_parameters()}

    def at(flat: Tensor) -> Tensor:
        parts = torch.split(flat, [s.numel() for s in shapes.values()])
        named = {n: part.view(s) for (n, s), part in zip(shapes.items(), parts, strict=True)}
        return nn.functional.cross_entropy(functional_call(model, named, (x,)), y)

    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    gradient = torch.func.grad(at)(flat)
    return model, lambda: nn.functional.cross_entropy(model(x), y), gradient, hessian(at, flat)


def moved(model: nn.Module, u: Tensor) -> tuple[Weights, Weights]:
    before = {n: p.detach() for n, p in model.named_parameters()}
    parts = torch.split(u, [p.numel() for p in before.values()])
    return before, {n: p + part.view_as(p) for (n, p), part in zip(before.items(), parts, strict=True)}


def test_slope_and_curvature_are_those_of_gradient_and_hessian() -> None:
    model, loss, g, H = small()
    u = -1e-4 * g / g.norm()
    line = line_probe(model, loss, *moved(model, u))
    assert line.slope == pytest.approx(float(g @ u), rel=1e-5)
    assert line.curvature == pytest.approx(float(u @ H @ u) / 2, rel=1e-3)
    assert line.loss == pytest.approx(loss().item(), rel=1e-15)


@given(st.floats(0.01, 10), st.floats(-3, -0.01), st.floats(-5, 5))
def test_a_parabola_is_found_exactly(curvature: float, slope: float, loss: float) -> None:
    w = nn.ParameterDict({"s": torch.zeros((), dtype=torch.float64)})
    line = line_probe(
        w,
        lambda: loss + slope * w["s"] + curvature * w["s"] ** 2,
        {"s": torch.zeros(())},
        {"s": torch.ones(())},
    )
    assert line.slope == pytest.approx(slope, rel=1e-9)
    assert line.curvature == pytest.approx(curvature, rel=1e-9)
    assert line.q == pytest.approx(-2 * curvature / slope, rel=1e-9)


@pytest.mark.parametrize(("factor", "q"), [(0.25, 0.25), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)])
def test_q_is_the_step_relative_to_the_one_that_reaches_the_bottom(factor: float, q: float) -> None:
    point = nn.ParameterDict({"w": torch.tensor([4.0, 0.0])})
    step = factor * torch.tensor([-4.0, 0.0])
    line = line_probe(
        point, lambda: 0.5 * (point["w"] ** 2).sum(), {"w": point["w"].data}, {"w": point["w"].data + step}
    )
    assert line.q == pytest.approx(q, rel=1e-6)


def test_an_update_that_climbs_has_no_q() -> None:
    point = nn.ParameterDict({"w": torch.ones(1)})
    line = line_probe(point, lambda: (point["w"] ** 2).sum(), {"w": torch.ones(1)}, {"w": 2 * torch.ones(1)})
    assert line.slope > 0
    assert math.isnan(line.q)


def test_float64_sees_the_curvature_that_float32_rounds_away() -> None:
    model, _, g, H = small()
    u = -1e-6 * g
    model.float()
    torch.manual_seed(0)
    mlp(16, (5,), 3, "tanh")
    x, y = torch.randn(30, 1, 4, 4, dtype=torch.float64), torch.arange(30) % 3
    before = {n: p.detach().double() for n, p in model.named_parameters()}
    parts = torch.split(u, [p.numel() for p in before.values()])
    after = {n: p + part.view_as(p) for (n, p), part in zip(before.items(), parts, strict=True)}
    truth = float(u @ H @ u) / 2

    def of(inputs: Tensor) -> Callable[[], Tensor]:
        return lambda: nn.functional.cross_entropy(model(inputs), y)

    single = line_probe(model, of(x.float()), before, after)
    double = line_probe(model, of(x), before, after, dtype=torch.float64)
    assert abs(truth) < single.resolution
    assert abs(double.curvature - truth) < 4 * double.resolution
    assert double.slope == pytest.approx(float(g @ u), rel=1e-4)


def test_the_probe_leaves_no_trace_and_draws_the_same_masks_each_time(
    moody: nn.Module, batch: tuple, unchanged: Callable
) -> None:
    x, y = batch
    moody.train()
    own = {n: p.detach() for n, p in moody.named_parameters()}
    with unchanged(moody):
        line = line_probe(moody, lambda: nn.functional.cross_entropy(moody(x), y), own, own)
    assert line.slope == line.curvature == 0


def test_the_probe_leaves_no_trace_when_the_loss_fails(moody: nn.Module, unchanged: Callable) -> None:
    own = {n: p.detach() for n, p in moody.named_parameters()}
    with unchanged(moody), pytest.raises(ZeroDivisionError):
        line_probe(moody, lambda: moody(torch.zeros(2, 1, 4, 4)).sum() / (1 // 0), own, own)


def test_preconditioned_sharpness_is_the_top_eigenvalue_of_the_scaled_dense_hessian() -> None:
    model, loss, _, H = small()
    p = torch.rand(len(H), generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 0.01
    expected = float(torch.linalg.eigvalsh(H / (p[:, None] * p[None, :]).sqrt())[-1])
    shapes = {name: w.shape for name, w in model.named_parameters()}
    parts = torch.split(p, [s.numel() for s in shapes.values()])
    named = {name: part.view(s) for (name, s), part in zip(shapes.items(), parts, strict=True)}
    value, error = model_sharpness(model, loss, named)
    assert value == pytest.approx(expected, rel=2e-3)
    assert abs(value - expected) <= error + 1e-9


@pytest.mark.parametrize(("share", "grows"), [(0.99, False), (1.01, True)])
def test_averaged_momentum_diverges_just_beyond_38_over_eta(share: float, grows: bool) -> None:
    """With a fixed preconditioner on a quadratic, the edge of Adam is (2 + 2β₁)/((1 − β₁) η) in its own coordinates."""
    h, p, lr = torch.tensor([3.0, 0.5]).double(), torch.tensor([0.2, 4.0]).double(), 0.7
    w = nn.ParameterDict({"w": torch.ones(2, dtype=torch.float64)})
    edge, _ = model_sharpness(w, lambda: 0.5 * (h * w["w"] ** 2).sum(), {"w": p})
    h = h * share * 38 / (lr * edge)
    position, momentum = torch.ones(2).double(), torch.zeros(2).double()
    for _ in range(4000):
        momentum = 0.9 * momentum + 0.1 * h * position
        position = position - lr * momentum / p
    assert bool(position.norm() > 1e3) is grows


def test_sharpness_leaves_no_trace(moody: nn.Module, batch: tuple, unchanged: Callable) -> None:
    x, y = batch
    with unchanged(moody):
        value, _ = model_sharpness(moody, lambda: nn.functional.cross_entropy(moody(x), y))
    assert math.isfinite(value)
    with unchanged(moody), pytest.raises(ZeroDivisionError):
        model_sharpness(moody, lambda: moody(x).sum() / (1 // 0))
