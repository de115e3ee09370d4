import pytest
import torch
from torch import nn

from etude.tasks.models import ACTIVATIONS, cnn, gru, mlp

IMAGES = torch.linspace(-1, 1, 5 * 64, dtype=torch.float64).reshape(5, 1, 8, 8)


def test_an_mlp_is_its_formula():
    model = mlp(64, (7, 4), 3, "tanh").double()
    w1, b1, w2, b2, w3, b3 = model.parameters()
    hidden = torch.tanh(torch.tanh(IMAGES.reshape(5, 64) @ w1.T + b1) @ w2.T + b2)
    assert torch.allclose(model(IMAGES), hidden @ w3.T + b3, rtol=1e-12)


def test_an_mlp_without_hidden_layers_is_linear_regression():
    assert [tuple(p.shape) for p in mlp(64, (), 10).parameters()] == [(10, 64), (10,)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("relu", 0.0),
        ("tanh", -0.761594),
        ("sigmoid", 0.268941),
        ("gelu", -0.158655),
        ("silu", -0.268941),
        ("identity", -1),
    ],
)
def test_activations_have_their_known_value_at_minus_one(name, value):
    activation = mlp(1, (1,), 1, name)[2]
    assert activation(torch.tensor(-1.0)).item() == pytest.approx(value, abs=1e-6)
    assert name in ACTIVATIONS


def test_a_gru_is_its_equations():
    model = gru(1, 8, 3, hidden=6).double()
    w_in, w_hidden, b_in, b_hidden = (p.chunk(3) for p in model.gru.parameters())
    state = torch.zeros(5, 6, dtype=torch.float64)
    for row in range(8):
        x = IMAGES[:, 0, row]
        into = [x @ w.T + b for w, b in zip(w_in, b_in, strict=True)]
        back = [state @ w.T + b for w, b in zip(w_hidden, b_hidden, strict=True)]
        reset, update = torch.sigmoid(into[0] + back[0]), torch.sigmoid(into[1] + back[1])
        state = (1 - update) * torch.tanh(into[2] + reset * back[2]) + update * state
    assert torch.allclose(model(IMAGES), state @ model.head.weight.T + model.head.bias, rtol=1e-12)


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_cnn_has_the_parameters_that_its_shape_implies(side, batch_norm):
    model = cnn(1, side, 10, batch_norm)
    expected = (9 + 1) * 16 + (9 * 16 + 1) * 32 + (32 * (side // 4) ** 2 + 1) * 10 + batch_norm * 2 * (16 + 32)
    assert sum(p.numel() for p in model.parameters()) == expected
    assert model(torch.zeros(2, 1, side, side)).shape == (2, 10)
    assert any(isinstance(m, nn.BatchNorm2d) for m in model) is batch_norm


def test_a_cnn_sees_a_shifted_stroke_as_the_same_up_to_the_last_layer():
    model = cnn(1, 28, 10)[:-2]
    image = torch.zeros(2, 1, 28, 28)
    image[0, 0, 8:12, 8:12] = 1
    image[1, 0, 12:16, 12:16] = 1
    first, second = model(image)
    assert torch.allclose(first[:, 1:5, 1:5], second[:, 2:6, 2:6], atol=1e-6)
