"""The theory of signals and gradients by depth, against sampling wide random networks in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.gradients.signals import predict, weight_gain

WIDTH, LAYERS, EXAMPLES = 1000, 6, 64


def sampled(gain: float, bias: float, activation: str) -> tuple[np.ndarray, np.ndarray]:
    """Root mean squares of h_1 … h_L and of δ_1 … δ_L of one wide network, with a random gradient from above."""
    rng = np.random.default_rng(0)
    phi = (lambda z: np.maximum(z, 0)) if activation == "relu" else np.tanh
    slope = (lambda z: (z > 0) * 1.0) if activation == "relu" else (lambda z: np.cosh(z) ** -2)
    h = rng.standard_normal((EXAMPLES, WIDTH))
    weights, z, signals = [], [], []
    for _ in range(LAYERS):
        W = rng.standard_normal((WIDTH, WIDTH)) * np.sqrt(gain / WIDTH)
        z.append(h @ W.T + rng.standard_normal(WIDTH) * np.sqrt(bias))
        h = phi(z[-1])
        weights.append(W)
        signals.append(np.sqrt((h**2).mean()))
    delta = rng.standard_normal((EXAMPLES, WIDTH)) * slope(z[-1])
    deltas = [np.sqrt((delta**2).mean())]
    for layer in range(LAYERS - 1, 0, -1):
        delta = (delta @ weights[layer]) * slope(z[layer - 1])
        deltas.append(np.sqrt((delta**2).mean()))
    return np.array(signals), np.array(deltas[::-1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("init", ["default", "xavier", "he", 2.0])
def test_theory_is_what_wide_networks_do(init, activation) -> None:
    gain = weight_gain(init, activation)
    signals, deltas = sampled(gain, 1 / (3 * WIDTH) if init == "default" else 0.0, activation)
    found = predict(float(signals[0]), LAYERS, init, activation, WIDTH)
    np.testing.assert_allclose(found.activations, signals, rtol=0.08)
    np.testing.assert_allclose(found.deltas, deltas / deltas[-1] * found.deltas[-1], rtol=0.12)


@pytest.mark.parametrize(("init", "factor"), [("he", 1.0), ("xavier", 2.0), ("default", 6.0), (2.0, 0.5)])
def test_relu_gradients_fall_by_the_factors_of_the_textbook(init, factor) -> None:
    assert 10 ** predict(1.0, 8, init, "relu", 64).delta_slope == pytest.approx(np.sqrt(factor))


@given(st.floats(0.01, 0.9), st.sampled_from(["default", "xavier", "he", "orthogonal", 0.5]))
def test_what_is_measured_at_the_first_layer_is_where_theory_begins(first, init) -> None:
    for activation in ("relu", "tanh"):
        assert predict(first, 3, init, activation, 32).activations[0] == pytest.approx(first, rel=1e-6)
