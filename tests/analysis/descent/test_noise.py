"""The noise floor against the discrete Lyapunov equation and simulation."""

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from etude.analysis.descent.noise import noise_floor
from etude.core.errors import SpecError

EIGENVALUES = np.array([0.5, 1.0, 4.0])
VARIANCE = np.array([0.3, 0.1, 0.2])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("share", [1e-3, 0.1, 0.9])
def test_the_floor_solves_the_discrete_lyapunov_equation(beta, share):
    lr = share * 2 * (1 + beta) / 4.0
    expected = 0.0
    for curvature, variance in zip(EIGENVALUES, VARIANCE, strict=True):
        step = np.array([[1 - lr * curvature, -lr * beta], [curvature, beta]])  # (w, m) of the heavy ball
        kick = np.array([[-lr], [1.0]])
        expected += curvature / 2 * solve_discrete_lyapunov(step, variance * kick @ kick.T)[0, 0]
    assert float(noise_floor(lr, EIGENVALUES, VARIANCE, beta)) == pytest.approx(expected, rel=1e-9)


def test_simulated_descent_stays_at_the_floor():
    generator = np.random.default_rng(0)
    lr, w, losses = 0.2, np.zeros((4000, 3)), []
    for step in range(600):
        w -= lr * (EIGENVALUES * w + np.sqrt(VARIANCE) * generator.standard_normal(w.shape))
        if step >= 100:
            losses.append(0.5 * (EIGENVALUES * w**2).sum(axis=1).mean())
    assert np.mean(losses) == pytest.approx(float(noise_floor(lr, EIGENVALUES, VARIANCE)), rel=0.01)


def small_lr_slope(covariance_trace: float, momentum: float = 0.0) -> float:
    """tr C / 4(1 − β), whatever the shape of the noise: Mandt, Hoffman & Blei (2017), arXiv:1704.04289."""
    return covariance_trace / (4 * (1 - momentum))


def test_the_floor_is_proportional_to_a_small_learning_rate_and_infinite_at_the_edge():
    floors = noise_floor(np.array([1e-6, 2e-6, 0.5, 0.6]), EIGENVALUES, VARIANCE)
    assert floors[1] / floors[0] == pytest.approx(2, rel=1e-5)
    assert floors[0] == pytest.approx(1e-6 * small_lr_slope(VARIANCE.sum()), rel=1e-5)
    assert np.isinf(floors[2:]).all()


def test_at_small_learning_rates_the_shape_of_the_noise_does_not_matter():
    generator = np.random.default_rng(1)
    root = generator.standard_normal((3, 3))
    covariance, hessian = root @ root.T, np.diag(EIGENVALUES)
    spread = solve_continuous_lyapunov(hessian, 1e-3 * covariance)
    assert np.trace(hessian @ spread) / 2 == pytest.approx(1e-3 * small_lr_slope(np.trace(covariance)), rel=1e-9)


def test_a_negative_variance_is_refused():
    with pytest.raises(SpecError, match="variances >= 0"):
        noise_floor(0.1, EIGENVALUES, -VARIANCE)


def test_a_flat_direction_has_no_floor():
    with pytest.raises(SpecError, match="positive eigenvalues"):
        noise_floor(0.1, np.array([0.0, 1.0]), VARIANCE[:2])
