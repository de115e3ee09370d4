r"""What theory says of signals and gradients in a deep plain network at its initialization.

With weights of variance σ_w²/n and biases of variance σ_b², pre-activations of a wide layer are normal, and

.. math:: q_{l+1} = \sigma_w^2\, E[\phi(\sqrt{q_l}\, z)^2] + \sigma_b^2, \qquad
          \frac{E[\delta_l^2]}{E[\delta_{l+1}^2]} = \sigma_w^2\, E[\phi'(\sqrt{q_l}\, z)^2], \qquad z \sim N(0, 1)

with q the variance of pre-activations and δ the gradient with respect to them. For ReLU both expectations are halves: gradients
keep their size at σ_w² = 2 (He), fall by √2 per layer at 1 (Xavier), and by √6 at 1/3 (torch's default).

References:
    He, Zhang, Ren & Sun (2015), Delving deep into rectifiers, eqs. 8 and 14. arXiv:1502.01852.
    Poole, Lahiri, Raghu, Sohl-Dickstein & Ganguli (2016), Exponential expressivity in deep neural networks, eqs. 3 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from etude.core.trace import Array

Init = str | float
"""A scheme of initialization by its name, or σ_w."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(101)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, eq=False)
class Prediction:
    """Root mean squares by hidden layer, l = 1 … L.

    Attributes:
        activations: Of h_l (L,), beginning with what was measured.
        deltas: Of δ_l (L,), relative to the last one.
    """

    activations: Array
    deltas: Array

    @property
    def delta_slope(self) -> float:
        """Powers of ten per layer by which δ grows towards the output, by least squares: positive where it vanishes."""
        return float(np.polyfit(np.arange(len(self.deltas)), np.log10(self.deltas), 1)[0])


def weight_gain(init: Init, activation: str) -> float:
    """σ_w² between layers of one width.

    Example:
        >>> weight_gain("he", "relu"), weight_gain("xavier", "tanh"), weight_gain(2.0, "relu")
        (2.0, 1.0, 4.0)
    """
    if isinstance(init, str):
        own = {"default": 1 / 3, "xavier": 1.0, "he": 2.0, "orthogonal": 2.0 if activation == "relu" else 1.0}
        return own[init]
    return init**2


def bias_variance(init: Init, width: int) -> float:
    """σ_b²: 1/(3n) with torch's default, else none."""
    return 1 / (3 * width) if init == "default" else 0.0


def predict(first: float, layers: int, init: Init, activation: str, width: int) -> Prediction:
    """What theory makes of the signal that leaves the first hidden layer.

    Args:
        first: Root mean square of h_1.
        layers: L, hidden layers, all of one width.
        init: How they are initialized.
        activation: ``"relu"`` or ``"tanh"``.
        width: n, units of a layer.

    Example:
        >>> [round(float(v), 3) for v in predict(1.0, 3, "xavier", "relu", 64).deltas]
        [0.5, 0.707, 1.0]
    """
    gain, bias = weight_gain(init, activation), bias_variance(init, width)
    q = [_variance(first**2, activation)]
    for _ in range(layers - 1):
        q.append(gain * _square(q[-1], activation) + bias)
    ratios = np.array([gain * _slope_square(v, activation) for v in q[:-1]])
    deltas = np.sqrt(np.append(np.cumprod(ratios[::-1])[::-1], 1.0))
    return Prediction(np.sqrt([_square(v, activation) for v in q]), deltas)


def _square(q: float, activation: str) -> float:
    """E[φ(√q z)²]."""
    return q / 2 if activation == "relu" else float(_WEIGHTS @ np.tanh(np.sqrt(q) * _NODES) ** 2)


def _slope_square(q: float, activation: str) -> float:
    """E[φ'(√q z)²]."""
    return 0.5 if activation == "relu" else float(_WEIGHTS @ np.cosh(np.sqrt(q) * _NODES) ** -4.0)


def _variance(square: float, activation: str) -> float:
    """Q of the pre-activations whose activations have this mean square."""
    if activation == "relu":
        return 2 * square
    return float(brentq(lambda q: _square(q, activation) - min(square, 0.99), 0.0, 1e5))
