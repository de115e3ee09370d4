"""Scale-invariant weights and their angles."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from etude.tasks.models import cnn, mlp
from etude.training.probes.angular import scale_invariant, turns

CE = nn.functional.cross_entropy


def angle(a: torch.Tensor, b: torch.Tensor) -> float:
    """Exact for small ones too: Kahan (2006), How futile are mindless assessments of roundoff?, §12."""
    p, q = (nn.functional.normalize(t.detach().double().flatten(), dim=0) for t in (a, b))
    return float(2 * torch.atan2((p - q).norm(), (p + q).norm()))


@given(st.floats(1e-7, math.pi - 1e-7), st.floats(0.01, 100), st.integers(0, 20))
def test_a_vector_turned_by_an_angle_has_turned_by_that_angle(turn: float, length: float, seed: int) -> None:
    basis = torch.linalg.qr(torch.randn(9, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))[0].T
    turned = length * (math.cos(turn) * basis[0] + math.sin(turn) * basis[1])
    found = turns(basis[:1].view(1, 3, 3), (turned - basis[0]).view(1, 3, 3))
    assert found.item() == pytest.approx(turn, rel=1e-6)


@given(st.floats(-7, 1), st.integers(0, 20))
def test_turns_of_lanes_are_the_angles_of_their_weights(exponent: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(3, 5, 2, generator=generator, dtype=torch.float64)
    u = 10**exponent * torch.randn(3, 5, 2, generator=generator, dtype=torch.float64)
    expected = [angle(a, a + b) for a, b in zip(w, u, strict=True)]
    assert turns(w, u).tolist() == pytest.approx(expected, rel=1e-6)
    assert turns(w.float(), u.float()).tolist() == pytest.approx(expected, rel=1e-4)
    assert bool(turns(0 * w, u).isnan().all())


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    return torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 10


def test_kernels_before_batch_norm_are_scale_invariant(images: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    normed, plain, dense = cnn(1, 8, 10, batch_norm=True), cnn(1, 8, 10), mlp(64, (16,), 10)
    x, y = images
    assert scale_invariant(normed.eval(), lambda: CE(normed(x), y)) == ("0.weight", "4.weight")
    assert scale_invariant(plain, lambda: CE(plain(x), y)) == ()
    assert scale_invariant(dense, lambda: CE(dense(x), y)) == ()


def test_layer_norm_forgives_the_length_of_a_weight_without_bias_only(images: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    x, y = images
    for bias, expected in ((False, ("1.weight",)), (True, ())):
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16, bias=bias), nn.LayerNorm(16), nn.Linear(16, 10)).double()
        if bias:
            nn.init.normal_(model[1].bias)
        assert scale_invariant(model, lambda m=model: CE(m(x.double()), y)) == expected


def test_an_unused_weight_is_not_scale_invariant(images: tuple[Tensor, Tensor]) -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(64, 10), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x.flatten(1))

    model = Idle()
    assert scale_invariant(model, lambda: CE(model(images[0]), images[1])) == ()


def test_a_scale_invariant_weight_turns_at_the_balance_of_weight_decay(images: tuple[Tensor, Tensor]) -> None:
    """√(2ηλ) radians a step once length has settled, by SGD with coupled decay on noise."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 16, bias=False), nn.BatchNorm1d(16, affine=False), nn.Linear(16, 10))
    lr, decay = 0.2, 0.05
    descent = torch.optim.SGD([{"params": model[0].parameters(), "weight_decay": decay}], lr=lr)
    turned = []
    for step in range(300):
        generator = torch.Generator().manual_seed(step)
        x, y = torch.randn(16, 64, generator=generator), torch.randint(10, (16,), generator=generator)
        descent.zero_grad()
        CE(model(x), y).backward()
        before = model[0].weight.detach().clone()
        descent.step()
        turned.append(angle(before, model[0].weight))
    assert sum(turned[150:]) / 150 == pytest.approx(math.sqrt(2 * lr * decay), rel=0.1)


def test_trying_leaves_no_trace(moody: nn.Module, batch: tuple, unchanged: Callable) -> None:
    x, y = batch
    moody.eval()
    with unchanged(moody):
        assert scale_invariant(moody, lambda: CE(moody(x), y)) == ("conv.weight",)
    with unchanged(moody), pytest.raises(ZeroDivisionError):
        scale_invariant(moody, lambda: moody(x).sum() / (1 // 0))
