"""The fastest constant learning rate and momentum of each method on a quadratic, and the steps that they need.

References:
    Polyak (1964), Some methods of speeding up the convergence of iteration methods, §2.
    Lessard, Recht & Packard (2016), Analysis and design of optimization algorithms via integral quadratic constraints,
    proposition 1. arXiv:1408.3595.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from etude.analysis.descent.theory import Method, check_curvature


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
    check_curvature(bottom, top)
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
    check_curvature(bottom, top)
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
    check_curvature(bottom, top)
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


BEST = {
    Method.GRADIENT_DESCENT: best_gradient_descent,
    Method.HEAVY_BALL: best_heavy_ball,
    Method.NESTEROV: best_nesterov,
}
"""By method: from λmin and λmax to the fastest hyperparameters."""
