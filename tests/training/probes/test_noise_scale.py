"""Gradient noise against per-example gradients by hand and a Gaussian whose covariance is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from etude.analysis.ratio import ratio_of_means
from etude.core.errors import SpecError
from etude.tasks.models import cnn, gru, mlp
from etude.training.probes import per_example
from etude.training.probes.noise_scale import gradient_noise, two_batch_noise
from etude.training.probes.per_example import each_gradient

CE = nn.functional.cross_entropy
MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: mlp(64, (9, 7), 10, "tanh"),
    "cnn": lambda: cnn(1, 8, 10),
    "batch norm in evaluation mode": lambda: cnn(1, 8, 10, batch_norm=True).eval(),
    "gru": lambda: gru(1, 8, 10, hidden=5),
}


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return x, torch.arange(40) % 10


def by_hand(model: nn.Module, x: Tensor, y: Tensor, batch: int = 1) -> Tensor:
    rows = []
    for xs, ys in zip(x.split(batch), y.split(batch), strict=True):
        model.zero_grad()
        CE(model(xs), ys).backward()
        rows.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch", [1, 4])
def test_gradients_are_those_that_backward_gives_one_by_one(
    name: str, batch: int, images: tuple[Tensor, Tensor]
) -> None:
    torch.manual_seed(0)
    model = MODELS[name]().double()
    found = torch.cat(list(each_gradient(model, CE, *images, batch)))
    assert torch.allclose(found, by_hand(model, *images, batch), rtol=1e-9, atol=1e-12)


def test_chunks_and_unused_weights_change_nothing(
    images: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    for make in (MODELS["mlp"], MODELS["gru"]):
        model = make().double()
        model.idle = nn.Parameter(torch.ones(3, dtype=torch.float64))
        whole = torch.cat(list(each_gradient(model, CE, *images)))
        monkeypatch.setattr(per_example, "CHUNK_NUMBERS", 3 * whole.shape[1])
        chunks = list(each_gradient(model, CE, *images))
        monkeypatch.undo()
        assert max(len(chunk) for chunk in chunks) <= 3
        assert torch.allclose(torch.cat(chunks), whole, rtol=1e-9, atol=1e-12)
        assert int((whole == 0).all(0).sum()) >= 3


@pytest.mark.parametrize("name", MODELS)
def test_both_parts_follow_their_definitions(name: str, images: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    model = MODELS[name]().double()
    g = by_hand(model, *images)
    noise = gradient_noise(model, CE, *images)
    trace = float(((g - g.mean(0)) ** 2).sum() / 39)
    assert noise.trace == pytest.approx(trace, rel=1e-9)
    assert noise.square == pytest.approx(float(g.mean(0) @ g.mean(0)) - trace / 40, rel=1e-9)


def test_it_is_the_two_batch_estimator_averaged_over_all_small_batches(images: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    model = mlp(64, (9,), 10).double()
    g = by_hand(model, *images, batch=5)
    pair = two_batch_noise(float((g**2).sum(1).mean()), float(g.mean(0) @ g.mean(0)), 5, 40)
    noise = gradient_noise(model, CE, *images, batch=5)
    assert (noise.trace, noise.square) == pytest.approx((pair.trace, pair.square), rel=1e-9)


def test_a_rest_that_fills_no_batch_is_left_out(images: tuple[Tensor, Tensor]) -> None:
    x, y = images
    torch.manual_seed(0)
    model = mlp(64, (9,), 10).double()
    assert gradient_noise(model, CE, x, y, batch=12) == gradient_noise(model, CE, x[:36], y[:36], batch=12)


class Shift(nn.Module):
    """A model whose gradient of ½‖w − y‖² at w = 0 is −y: the examples are the gradients."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.w.expand(len(x), -1)


def half_square(out: Tensor, y: Tensor) -> Tensor:
    return 0.5 * (out - y).square().sum(1).mean()


def test_the_stated_errors_are_those_that_repetition_shows() -> None:
    model, found = Shift(20), []
    for seed in range(200):
        y = 0.5 + torch.randn(48, 20, generator=torch.Generator().manual_seed(seed))
        found.append(gradient_noise(model, half_square, torch.zeros(48, 1), y))
    for part in ("trace", "square"):
        values = np.array([getattr(n, part) for n in found])
        errors = np.array([getattr(n, f"{part}_error") for n in found])
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(ddof=1), rel=0.15)
    assert np.mean([n.trace for n in found]) == pytest.approx(20, rel=0.01)
    assert np.mean([n.square for n in found]) == pytest.approx(5, rel=0.02)


def test_the_ratio_of_means_recovers_a_known_noise_scale_and_the_mean_of_ratios_does_not() -> None:
    """tr Σ/|G|² = 148.07 with |G| = 1; 4000 draws of 32 batches of 8 examples."""
    rng = np.random.default_rng(0)
    spectrum = np.linspace(1, 3, 50)
    spectrum *= 148.07 / spectrum.sum()
    true = np.full(50, 50**-0.5)
    small, big, last = [], [], []
    for _ in range(4000):
        g = true + rng.standard_normal((32, 50)) * np.sqrt(spectrum / 8)
        small.append((g**2).sum(1).mean())
        last.append((g[-1] ** 2).sum())
        big.append((g.mean(0) ** 2).sum())
    every = [two_batch_noise(s, b, 8, 256) for s, b in zip(small, big, strict=True)]
    single = [two_batch_noise(s, b, 8, 256) for s, b in zip(last, big, strict=True)]
    for found in (every, single):
        trace, square = np.array([n.trace for n in found]), np.array([n.square for n in found])
        value, (low, high) = ratio_of_means(trace, square)
        assert value == pytest.approx(148.07, rel=0.02)
        assert low < 148.07 < high
        assert abs((trace / square).mean() / 148.07 - 1) > 0.04
    spread = [np.std([n.trace for n in found]) for found in (single, every)]
    assert 5 < spread[0] / spread[1] < 7


@pytest.mark.parametrize("batch", [1, 4])
def test_the_model_stays_as_it_was(batch: int, moody: nn.Module, unchanged: Callable) -> None:
    x, y = torch.randn(12, 1, 4, 4), torch.arange(12) % 3
    moody.train() if batch > 1 else moody.eval()
    moody.drop.train()
    with unchanged(moody):
        noise = gradient_noise(moody, CE, x, y, batch)
    assert noise.trace > 0
    with unchanged(moody), pytest.raises(ZeroDivisionError):
        gradient_noise(moody, lambda out, y: out.sum() / (1 // 0), x, y, batch)


def test_what_cannot_be_estimated_is_refused(images: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(SpecError, match="two batches at least, got 40 examples for batches of 30"):
        gradient_noise(MODELS["mlp"]().double(), CE, *images, batch=30)
    with pytest.raises(SpecError, match="batch norm is in training mode"):
        gradient_noise(cnn(1, 8, 10, batch_norm=True).double(), CE, *images)
    with pytest.raises(SpecError, match="1 <= small < big"):
        two_batch_noise(1.0, 1.0, 8, 8)


def test_two_gradients_have_no_error(images: tuple[Tensor, Tensor]) -> None:
    assert np.isnan(gradient_noise(MODELS["mlp"]().double(), CE, *images, batch=20).trace_error)
