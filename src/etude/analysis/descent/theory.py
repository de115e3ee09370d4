r"""Gradient descent and its momentum on quadratics, in closed form.

On f(w) = ½ Σᵢ λᵢ (wᵢ − w*ᵢ)² every method here acts on each direction by itself. With eᵢ the distance from the minimum in
direction i, two steps of a method decide the third, e_{t+1} = a·e_t − b·e_{t−1}, so that the larger root of z² − az + b is the
factor by which the distance shrinks at last, its *rate*. The slowest direction rules. Near a minimum every smooth function is a
quadratic of its Hessian's eigenvalues, so the same numbers hold there.

With β the momentum and x = ηλ:

=====================  ====================  ============  =======================
method                 a                     b             stable for
=====================  ====================  ============  =======================
gradient descent       1 − x                 0             x < 2
heavy ball             1 + β − x             β             x < 2(1+β)
Nesterov               (1+β)(1 − x)          β(1 − x)      x < 2(1+β)/(1+2β)
averaged gradient      1 + β − (1−β)x        β             x < 2(1+β)/(1−β)
=====================  ====================  ============  =======================

The averaged gradient is m ← βm + (1−β)g, w ← w − ηm, as in Adam: a heavy ball whose learning rate is (1−β)η.

References:
    Polyak (1964), Some methods of speeding up the convergence of iteration methods, §2.
    Lessard, Recht & Packard (2016), Analysis and design of optimization algorithms via integral quadratic constraints,
    proposition 1. arXiv:1408.3595.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from etude.core.errors import SpecError
from etude.core.trace import Array

Numbers: TypeAlias = "Array | float"


class Method(StrEnum):
    """How a gradient becomes a step."""

    GRADIENT_DESCENT = "gradient_descent"
    HEAVY_BALL = "heavy_ball"
    NESTEROV = "nesterov"
    AVERAGED = "averaged"


def edge(method: Method, top: float, momentum: float = 0.0) -> float:
    r"""Learning rate beyond which a method diverges on a quadratic.

    .. math::
        \frac{2}{\lambda_{\max}}, \quad \frac{2(1+\beta)}{\lambda_{\max}}, \quad
        \frac{2(1+\beta)}{(1+2\beta)\lambda_{\max}}, \quad \frac{2(1+\beta)}{(1-\beta)\lambda_{\max}}

    for gradient descent, the heavy ball, Nesterov and the averaged gradient: the largest x = ηλ for which both roots of
    z² − az + b lie within the unit circle, that is b < 1 and \|a\| < 1 + b.

    Args:
        method: The method.
        top: λmax > 0.
        momentum: β in [0, 1); 0 for gradient descent.

    Raises:
        SpecError: When λmax is not positive or β out of range.

    Example:
        >>> edge(Method.GRADIENT_DESCENT, 10.0)
        0.2
        >>> [round(edge(Method.HEAVY_BALL, 10.0, beta), 4) for beta in (0.5, 0.9, 0.99)]
        [0.3, 0.38, 0.398]
        >>> round(edge(Method.AVERAGED, 1.0, 0.9), 1)  # Adam's famous 38/η
        38.0
    """
    check_curvature(top, top, momentum)
    beta = momentum
    factor = {
        Method.GRADIENT_DESCENT: 1.0,
        Method.HEAVY_BALL: 1 + beta,
        Method.NESTEROV: (1 + beta) / (1 + 2 * beta),
        Method.AVERAGED: (1 + beta) / (1 - beta),
    }
    return 2 * factor[method] / top


def rate(method: Method, lr: Numbers, eigenvalues: Array, momentum: float = 0.0) -> Array:
    r"""Factor per step by which the distance from the minimum shrinks at last; above 1 it grows.

    .. math:: \rho(\eta) = \max_i \max\{|z| : z^2 - a(\eta\lambda_i) z + b(\eta\lambda_i) = 0\}

    The loss shrinks by ρ² per step.

    Args:
        method: The method.
        lr: One η or many, (L,).
        eigenvalues: λ, (D,), positive.
        momentum: β.

    Returns:
        ρ for each η, (L,), or of shape () for one.

    Raises:
        SpecError: When an eigenvalue is not positive or β out of range.

    Example:
        >>> eigenvalues = np.array([0.1, 10.0])
        >>> rate(Method.GRADIENT_DESCENT, np.array([0.1, 0.2, 0.3]), eigenvalues).round(6)
        array([0.99, 1.  , 2.  ])
        >>> round(float(rate(Method.HEAVY_BALL, 0.1, eigenvalues, 0.9)), 6)
        0.948683
    """
    check_curvature(float(np.min(eigenvalues)), float(np.max(eigenvalues)), momentum)
    x = np.multiply.outer(np.asarray(lr, dtype=np.float64), eigenvalues)
    a, b = _recurrence(method, x, momentum)
    return np.asarray(_larger_root(a, b).max(axis=-1))


def _recurrence(method: Method, x: Array, beta: float) -> tuple[Array, Array]:
    """Coefficients (a, b) of e_{t+1} = a·e_t − b·e_{t−1}, each shaped like x = ηλ."""
    match method:
        case Method.GRADIENT_DESCENT:
            return 1 - x, np.zeros_like(x)
        case Method.HEAVY_BALL:
            return 1 + beta - x, np.full_like(x, beta)
        case Method.NESTEROV:
            return (1 + beta) * (1 - x), beta * (1 - x)
        case Method.AVERAGED:
            return 1 + beta - (1 - beta) * x, np.full_like(x, beta)


def _larger_root(a: Array, b: Array) -> Array:
    """Modulus of the larger root of z² − az + b."""
    discriminant = a * a - 4 * b
    real = (np.abs(a) + np.sqrt(np.maximum(discriminant, 0))) / 2
    return np.where(discriminant >= 0, real, np.sqrt(np.maximum(b, 0)))


def check_curvature(bottom: float, top: float, momentum: float = 0.0) -> None:
    """Raise ``SpecError`` unless 0 < λmin ≤ λmax < ∞ and 0 ≤ β < 1."""
    if not (0 < bottom <= top and math.isfinite(top)):
        raise SpecError(
            f"needs 0 < λmin <= λmax, got {bottom:g} and {top:g}: pass the eigenvalues of a convex quadratic"
        )
    if not 0 <= momentum < 1:
        raise SpecError(f"needs 0 <= momentum < 1, got {momentum}: 0.9 is usual")
