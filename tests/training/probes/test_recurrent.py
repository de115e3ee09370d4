"""Gradients through time against closed forms and a loop written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from etude.core.errors import SpecError
from etude.tasks.models import gru
from etude.training.clip import clip_
from etude.training.probes.recurrent import hidden_gradients
from etude.training.probes.unrolled import Unrolled

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
OPTIONS = [
    {},
    {"num_layers": 3, "batch_first": True},
    {"bidirectional": True, "num_layers": 2},
    {"bias": False, "batch_first": True, "bidirectional": True},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("given", [False, True])
def test_the_recurrence_written_out_is_the_fused_layer(kind: str, options: dict, given: bool) -> None:
    torch.manual_seed(0)
    layer = KINDS[kind](4, 5, **options).double()
    x = torch.randn(3, 3, 4).double()
    start = torch.randn(options.get("num_layers", 1) * (1 + options.get("bidirectional", False)), 3, 5).double()
    hx = None if not given else (start, 2 * start) if kind == "lstm" else start
    expected, ends = layer(x, hx)
    found, last = Unrolled(layer, lambda name, h: None)(x, hx)
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-14)
    pairs = zip(ends, last, strict=True) if kind == "lstm" else [(ends, last)]
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-14) for a, b in pairs)
    single, _ = Unrolled(layer, lambda name, h: None)(x[0])
    assert torch.allclose(single, layer(x[0])[0], rtol=1e-12, atol=1e-14)


def test_a_relu_recurrence_and_dropout_between_layers_are_the_fused_layers() -> None:
    torch.manual_seed(0)
    layer = nn.RNN(4, 5, nonlinearity="relu", num_layers=2, dropout=0.5).double()
    x = torch.randn(6, 3, 4).double()
    assert torch.allclose(Unrolled(layer.eval(), lambda name, h: None)(x)[0], layer(x)[0], rtol=1e-12)
    assert not torch.allclose(Unrolled(layer.train(), lambda name, h: None)(x)[0], layer.eval()(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_total_derivative_by_hand(kind: str) -> None:
    """Adding e to h_t by hand, the loss changes by ∂L/∂h_t · e."""
    torch.manual_seed(0)
    layer = KINDS[kind](3, 4).double()
    x = torch.randn(6, 2, 3).double()
    found = hidden_gradients(layer, lambda: layer(x)[0].square().sum())[""].norms
    for t in range(6):
        nudge = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
        _, ends = layer(x[: t + 1])
        h = (ends[0] if kind == "lstm" else ends) + nudge
        loss = h.square().sum()  # the output of step t is h_t itself
        if t < 5:
            loss = loss + layer(x[t + 1 :], (h, ends[1]) if kind == "lstm" else h)[0].square().sum()
        (g,) = torch.autograd.grad(loss, nudge)
        assert found[t] == pytest.approx(float(g.norm()), rel=1e-10)


class Linear(nn.Module):
    """h_t = W h_{t−1}, T times, by a cell without its nonlinearity."""

    def __init__(self, matrix: Tensor, steps: int) -> None:
        super().__init__()
        self.cell = nn.RNNCell(1, len(matrix), bias=False, nonlinearity="relu").double()
        self.cell.weight_hh.data = matrix
        nn.init.zeros_(self.cell.weight_ih)
        self.steps = steps

    def forward(self) -> Tensor:
        h = torch.ones(1, len(self.cell.weight_hh), dtype=torch.float64)
        for _ in range(self.steps):
            h = self.cell(torch.zeros(1, 1, dtype=torch.float64), h)
        return h.sum()


@pytest.mark.parametrize("radius", [0.9, 1.0, 1.5])
def test_a_linear_recurrence_grows_by_its_radius(radius: float) -> None:
    """A permutation of positive states: the relu of the cell is never active, the matrix ρ times orthogonal."""
    matrix = radius * torch.eye(8, dtype=torch.float64).roll(1, 0)
    model = Linear(matrix, steps=40)
    growth = hidden_gradients(model, model)["cell"].growth
    assert growth.rate == pytest.approx(math.log10(radius), abs=1e-9)


@pytest.mark.parametrize(("steps", "tolerance"), [(50, 0.02), (200, 0.01)])
def test_the_jacobian_of_a_linear_recurrence_tends_to_its_spectral_radius(steps: int, tolerance: float) -> None:
    """‖∂h_T/∂h_1‖^(1/(T−1)) → ρ = 0.9 for a random matrix, far from normal; row by row through the recurrence."""
    W = torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    layer = nn.RNN(1, 6, bias=False).double()
    layer.weight_hh_l0.data = W * 0.9 / torch.linalg.eigvals(W).abs().max()
    x, start = torch.zeros(steps, 1, 1).double(), torch.full((1, 1, 6), 1e-30).double()  # so small that tanh is linear
    rows = [hidden_gradients(layer, lambda i=i: layer(x, start)[0][-1, 0, i])[""].norms[0] for i in range(6)]
    jacobian = math.sqrt(sum(norm**2 for norm in rows))
    truth = float(torch.linalg.matrix_norm(torch.linalg.matrix_power(layer.weight_hh_l0.detach(), steps - 1)))
    assert jacobian == pytest.approx(truth, rel=1e-9)
    assert jacobian ** (1 / (steps - 1)) == pytest.approx(0.9, rel=tolerance)


def test_a_clipped_gradient_has_the_norm_of_its_limit() -> None:
    grads = {"w": 100 * torch.ones(1, 32, 32, dtype=torch.float64), "b": torch.ones(1, 4, dtype=torch.float64)}
    clip_(grads, torch.tensor([0.7]))
    assert float(torch.cat([g.flatten() for g in grads.values()]).norm()) == pytest.approx(0.7, rel=1e-6)


def test_a_model_without_recurrence_has_no_hidden_gradients() -> None:
    model = nn.Linear(2, 2)
    assert hidden_gradients(model, lambda: model(torch.ones(1, 2)).sum()) == {}


def test_layers_and_directions_have_names() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"net": nn.LSTM(3, 4, num_layers=2, bidirectional=True)})
    found = hidden_gradients(model, lambda: model["net"](torch.randn(5, 2, 3))[0].sum())
    assert set(found) == {"net", "net.reverse", "net.1", "net.1.reverse"}
    assert all(len(own.norms) == 5 for own in found.values())


def test_looking_leaves_no_trace(moody: nn.Module, batch: tuple, unchanged: Callable) -> None:
    x, y = batch
    with unchanged(moody):
        found = hidden_gradients(moody, lambda: nn.functional.cross_entropy(moody(x), y))
    assert len(found["rnn"].norms) == 4
    with unchanged(moody), pytest.raises(ZeroDivisionError):
        hidden_gradients(moody, lambda: moody(x).sum() / (1 // 0))
    assert "forward" not in vars(moody.rnn)


def test_a_forward_pass_that_someone_put_in_place_returns_there() -> None:
    layer = nn.GRU(3, 4)
    own = layer.forward
    layer.forward = own
    hidden_gradients(layer, lambda: layer(torch.randn(5, 2, 3))[0].sum())
    assert vars(layer)["forward"] is own


def test_a_built_in_task_is_measured() -> None:
    model = gru(1, 8, 10)
    assert len(hidden_gradients(model, lambda: model(torch.rand(4, 1, 8, 8)).square().mean())["gru"].norms) == 8


def test_what_cannot_be_written_out_is_refused() -> None:
    layer = nn.LSTM(3, 4, proj_size=2)
    with pytest.raises(SpecError, match="proj_size > 0"):
        hidden_gradients(layer, lambda: layer(torch.randn(5, 2, 3))[0].sum())
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 2, 3), torch.tensor([5, 3]))
    plain = nn.GRU(3, 4)
    with pytest.raises(SpecError, match="packed sequence"):
        hidden_gradients(plain, lambda: plain(packed)[0].data.sum())
