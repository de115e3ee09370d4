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
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Best:
    """The fastest constant hyperparameters of a method, and how fast they are.

    Attributes:
        lr: η.
        momentum: β.
        rate: Factor per step by which the distance from the minimum shrinks at last.
    """

    lr: float
    momentum: float
    rate: float


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
    _check(top, top, momentum)
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
    _check(float(np.min(eigenvalues)), float(np.max(eigenvalues)), momentum)
    x = np.multiply.outer(np.asarray(lr, dtype=np.float64), eigenvalues)
    a, b = _recurrence(method, x, momentum)
    return np.asarray(_larger_root(a, b).max(axis=-1))


def best_gradient_descent(bottom: float, top: float) -> Best:
    r"""The fastest constant learning rate of gradient descent, at which both extreme directions are equally slow.

    .. math:: \eta^* = \frac{2}{\lambda_{\min} + \lambda_{\max}}, \qquad \rho^* = \frac{\kappa - 1}{\kappa + 1}

    with κ = λmax/λmin.

    Args:
        bottom: λmin > 0.
        top: λmax.

    Raises:
        SpecError: When the eigenvalues are not positive and in order.

    Example:
        >>> best = best_gradient_descent(0.1, 10.0)
        >>> round(best.lr, 5), round(best.rate, 5)
        (0.19802, 0.9802)
    """
    _check(bottom, top)
    return Best(2 / (bottom + top), 0.0, (top - bottom) / (top + bottom))


def best_heavy_ball(bottom: float, top: float) -> Best:
    r"""The fastest constant learning rate and momentum of the heavy ball.

    .. math::
        \eta^* = \frac{4}{(\sqrt{\lambda_{\max}} + \sqrt{\lambda_{\min}})^2}, \qquad
        \beta^* = \left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^2, \qquad \rho^* = \sqrt{\beta^*}

    There both extreme directions have a double root: the distance falls as t·ρᵗ, so that a measured rate approaches ρ* from
    above, by about 1/t.

    Args:
        bottom: λmin > 0.
        top: λmax.

    Raises:
        SpecError: When the eigenvalues are not positive and in order.

    References:
        Polyak (1964), theorem 9.

    Example:
        >>> best = best_heavy_ball(0.1, 10.0)
        >>> round(best.lr, 6), round(best.momentum, 6), round(best.rate, 5)
        (0.330579, 0.669421, 0.81818)
    """
    _check(bottom, top)
    high, low = math.sqrt(top), math.sqrt(bottom)
    root = (high - low) / (high + low)
    return Best(4 / (high + low) ** 2, root**2, root)


def best_nesterov(bottom: float, top: float) -> Best:
    r"""The fastest constant learning rate and momentum of Nesterov's method on quadratics.

    .. math::
        \eta^* = \frac{4}{3\lambda_{\max} + \lambda_{\min}}, \qquad
        \beta^* = \frac{\sqrt{3\kappa + 1} - 2}{\sqrt{3\kappa + 1} + 2}, \qquad \rho^* = 1 - \frac{2}{\sqrt{3\kappa + 1}}

    Args:
        bottom: λmin > 0.
        top: λmax.

    Raises:
        SpecError: When the eigenvalues are not positive and in order.

    References:
        Lessard, Recht & Packard (2016), proposition 1.

    Example:
        >>> best = best_nesterov(0.1, 10.0)
        >>> round(best.lr, 5), round(best.momentum, 5), round(best.rate, 5)
        (0.13289, 0.79327, 0.88472)
    """
    _check(bottom, top)
    root = math.sqrt(3 * top / bottom + 1)
    return Best(4 / (3 * top + bottom), (root - 2) / (root + 2), 1 - 2 / root)


def steps_to(gap: float, rate: float) -> float:
    r"""Steps until the loss above the minimum has shrunk to a share of what it was, at a rate of the distance.

    .. math:: T = \frac{\ln \epsilon}{2 \ln \rho}

    Args:
        gap: ε, such as 1e-6.
        rate: ρ in (0, 1).

    Example:
        >>> [round(steps_to(1e-6, best.rate)) for best in (best_gradient_descent(0.1, 10), best_heavy_ball(0.1, 10))]
        [345, 34]
    """
    return math.log(gap) / (2 * math.log(rate))


def heavy_ball_steps(gap: float, rate: float, share: float) -> float:
    r"""Steps that the heavy ball at its fastest needs, with the factor t that its double root brings.

    Started without velocity, the distances in the steepest and in the flattest direction are
    :math:`\rho^t (1 + (1 \pm \rho) t)`. With each of the two holding a share s of the initial loss, T solves

    .. math:: s \rho^{2T} \left[(1 + (1+\rho) T)^2 + (1 + (1-\rho) T)^2\right] = \epsilon

    Args:
        gap: ε, the loss above the minimum to reach, relative to that at the start.
        rate: ρ.
        share: s, in (0, 1/2].

    Example:
        >>> best = best_heavy_ball(0.01, 10)
        >>> round(steps_to(1e-6, best.rate)), round(heavy_ball_steps(1e-6, best.rate, 1 / 8))
        (109, 186)
    """

    def left(t: float) -> float:
        terms = (1 + (1 + rate) * t) ** 2 + (1 + (1 - rate) * t) ** 2
        return math.log(share * terms) + 2 * t * math.log(rate)

    peak = -1 / math.log(rate)  # until about here the factor t outweighs the decay
    low, high = peak, 2 * peak + 1
    while left(high) > math.log(gap):
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if left(middle) > math.log(gap) else (low, middle)
    return high


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


def _check(bottom: float, top: float, momentum: float = 0.0) -> None:
    if not (0 < bottom <= top and math.isfinite(top)):
        raise SpecError(
            f"needs 0 < λmin <= λmax, got {bottom:g} and {top:g}: pass the eigenvalues of a convex quadratic"
        )
    if not 0 <= momentum < 1:
        raise SpecError(f"needs 0 <= momentum < 1, got {momentum}: 0.9 is usual")
