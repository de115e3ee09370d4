"""Lanczos against the explicit Hessian."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, hessian

from etude.tasks.models import mlp
from etude.training.sharpness import sharpness, top_eigenvalue


def small_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)
    ).eval()


@pytest.mark.parametrize("make", [lambda: mlp(16, (5,), 3, "tanh"), lambda: mlp(16, (4, 4), 3, "relu"), small_cnn])
def test_it_is_the_top_eigenvalue_of_the_dense_hessian(make: object) -> None:
    torch.manual_seed(0)
    model = make().double()  # type: ignore[operator]
    x = torch.randn(30, 1, 4, 4, dtype=torch.float64)
    y = torch.arange(30) % 2
    params = {n: p.detach() for n, p in model.named_parameters()}

    def loss_of(flat: torch.Tensor) -> torch.Tensor:
        parts = torch.split(flat, [p.numel() for p in params.values()])
        named = {n: part.view_as(p) for (n, p), part in zip(params.items(), parts, strict=True)}
        return torch.nn.functional.cross_entropy(functional_call(model, named, (x,)), y)

    with warnings.catch_warnings():  # torch.func itself still calls what torch deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        dense = hessian(loss_of)(torch.cat([p.flatten() for p in params.values()]))
    expected = torch.linalg.eigvalsh(dense)[-1].item()
    value, error = sharpness(lambda: torch.nn.functional.cross_entropy(model(x), y), list(model.parameters()))
    assert value == pytest.approx(expected, rel=2e-3)
    assert abs(value - expected) <= error + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(0, 10))
def test_the_error_bound_holds_for_any_spectrum(spectrum: list[float], seed: int) -> None:
    values = torch.tensor(spectrum, dtype=torch.float64)
    q, _ = torch.linalg.qr(
        torch.randn(len(values), len(values), generator=torch.Generator().manual_seed(seed)).double()
    )
    matrix = q @ torch.diag(values) @ q.T
    start = torch.randn(len(values), generator=torch.Generator().manual_seed(seed + 1)).double()
    value, error = top_eigenvalue(lambda v: matrix @ v, start)
    scale = float(values.abs().max()) + 1e-300
    assert np.abs(values.numpy() - value).min() <= error + 1e-8 * scale
    assert value <= float(values.max()) + 1e-8 * scale


def test_a_negative_spectrum_gives_its_least_negative_eigenvalue() -> None:
    w = torch.ones(3, dtype=torch.float64, requires_grad=True)
    value, _ = sharpness(lambda: -(torch.tensor([1.0, 2.0, 7.0]) * w**2).sum(), [w])
    assert value == pytest.approx(-2.0, rel=1e-6)


def test_parameters_that_the_loss_ignores_do_not_matter() -> None:
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    idle = torch.ones(4, dtype=torch.float64, requires_grad=True)
    assert sharpness(lambda: (w**2).sum(), [idle, w])[0] == pytest.approx(2.0)


def test_a_linear_loss_has_no_curvature() -> None:
    w = torch.ones(2, requires_grad=True)
    assert sharpness(lambda: w.sum(), [w]) == (0.0, 0.0)


def test_a_loss_that_is_not_finite_has_no_sharpness() -> None:
    w = torch.ones(2, requires_grad=True)
    assert all(np.isnan(v) for v in sharpness(lambda: (w**3 * float("nan")).sum(), [w]))
