r"""Where stochastic gradient descent stops descending: the noise floor of a constant learning rate.

With gradients λ(w − w*) + ξ, where the ξ of different steps are independent with mean 0 and variance σ², the distance from the
minimum is an autoregression. It forgets its start and keeps a variance v, so that the loss stays ½λv above the minimum.
"""

from __future__ import annotations

import numpy as np

from etude.analysis.descent.theory import Method, Numbers, edge
from etude.core.errors import SpecError
from etude.core.trace import Array


def noise_floor(lr: Numbers, eigenvalues: Array, variance: Array, momentum: float = 0.0) -> Array:
    r"""Mean loss above the minimum at which SGD or the heavy ball stays, on a quadratic with independent gradient noise.

    .. math::
        \bar L - L^* = \sum_i \tfrac12 \lambda_i v_i = \sum_i
        \frac{1+\beta}{1-\beta} \cdot \frac{\eta\,\sigma_i^2}{2\,(2(1+\beta) - \eta\lambda_i)}

    with v the variance of the second-order autoregression e_{t+1} = (1+β−ηλ) e_t − β e_{t−1} − η ξ_t. It is exact in η. For
    small η it is proportional to it, η Σσ²/(4(1−β)), whatever the curvature; at the edge it grows beyond every bound.

    Args:
        lr: One η or many, (L,).
        eigenvalues: λ, (D,), positive.
        variance: σ² of the batch's gradient in each direction, (D,): that of one example divided by the batch size.
        momentum: β of the heavy ball.

    Returns:
        The floor for each η, (L,), or of shape () for one; +inf from the edge on.

    Raises:
        SpecError: When an eigenvalue is not positive, a variance negative, or β out of range.

    References:
        Liu, Ziyin & Ueda (2021), Noise and fluctuation of finite learning rate SGD. arXiv:2012.03636.
        Zhang et al. (2019), Which algorithmic choices matter at which batch sizes? (β = 0). arXiv:1907.04164.

    Example:
        >>> eigenvalues, variance = np.array([1.0, 4.0]), np.array([0.01, 0.01])
        >>> noise_floor(np.array([0.001, 0.01, 0.1]), eigenvalues, variance).round(8)
        array([5.0100e-06, 5.0640e-05, 5.7566e-04])
        >>> float(noise_floor(0.001, eigenvalues, variance, momentum=0.9).round(8))
        5.003e-05
    """
    if not (np.asarray(variance) >= 0).all():
        raise SpecError(f"needs variances >= 0, got {variance}: pass σ² of the gradient in each direction")
    limit = edge(Method.HEAVY_BALL, float(np.max(eigenvalues)), momentum)
    if not (np.asarray(eigenvalues) > 0).all():
        raise SpecError(f"needs positive eigenvalues, got {eigenvalues}: a flat direction has no floor")
    rates = np.asarray(lr, dtype=np.float64)
    room = 2 * (1 + momentum) - np.multiply.outer(rates, eigenvalues)
    with np.errstate(divide="ignore"):
        terms = (1 + momentum) / (1 - momentum) * variance / (2 * room)
    return np.asarray(np.where(rates < limit, rates * terms.sum(axis=-1), np.inf))
