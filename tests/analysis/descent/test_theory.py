"""Edges, rates and optima against simulation and companion matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.descent.fastest import (
    best_gradient_descent,
    best_heavy_ball,
    best_nesterov,
    heavy_ball_steps,
    steps_to,
)
from etude.analysis.descent.theory import Method, edge, rate
from etude.core.errors import SpecError

EIGENVALUES = np.logspace(-1, 1, 7)
MOMENTA = {Method.GRADIENT_DESCENT: (0.0,), Method.HEAVY_BALL: (0.5, 0.9, 0.99), Method.NESTEROV: (0.5, 0.9, 0.99)}
MOMENTA |= {Method.AVERAGED: (0.5, 0.9, 0.99)}
CASES = [(method, beta) for method, betas in MOMENTA.items() for beta in betas]


def iteration(method, x, beta):
    """The matrix that maps (w, m) to the next (w, m) in one direction, written from the update rule itself."""
    if method is Method.AVERAGED:
        return np.array([[1 - (1 - beta) * x, -beta], [(1 - beta) * x, beta]])  # m in units of the step ηm
    if method is Method.NESTEROV:
        return np.array([[1 - (1 + beta) * x, -(beta**2)], [x, beta]])
    return np.array([[1 - x, -beta], [x, beta]])


@pytest.mark.parametrize(("method", "beta"), CASES)
@given(x=st.floats(1e-3, 60))
def test_a_rate_is_the_spectral_radius_of_the_update_rules_own_matrix(method, beta, x):
    radius = np.abs(np.linalg.eigvals(iteration(method, x, beta))).max()
    # At a double root the radius from eigenvalues is good to the square root of the rounding only.
    assert float(rate(method, x, np.array([1.0]), beta)) == pytest.approx(radius, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("method", "beta"), CASES)
def test_the_rate_passes_one_at_the_edge(method, beta):
    limit = edge(method, 10.0, beta)
    inside, outside = rate(method, np.array([1 - 1e-9, 1 + 1e-9]) * limit, EIGENVALUES, beta)
    assert inside < 1 < outside


@pytest.mark.parametrize(
    ("find", "method"),
    [
        (best_gradient_descent, Method.GRADIENT_DESCENT),
        (best_heavy_ball, Method.HEAVY_BALL),
        (best_nesterov, Method.NESTEROV),
    ],
)
@pytest.mark.parametrize("condition", [2.0, 100.0, 1e4])
def test_no_learning_rate_and_momentum_nearby_are_faster_than_the_best(find, method, condition):
    best = find(10 / condition, 10.0)
    ends = np.array([10 / condition, 10.0])
    assert float(rate(method, best.lr, ends, best.momentum)) == pytest.approx(best.rate, rel=1e-7)
    for shift in (0.99, 0.999, 1.001, 1.01):
        assert float(rate(method, best.lr * shift, ends, best.momentum)) > best.rate
        if best.momentum and best.momentum * shift < 1:
            grid = best.lr * np.linspace(0.9, 1.1, 201)
            assert rate(method, grid, ends, best.momentum * shift).min() > best.rate - 1e-9


@given(condition=st.floats(1.01, 1e6), top=st.floats(1e-3, 1e3))
def test_momentum_is_never_slower_than_none(condition, top):
    bottom = top / condition
    gd, nesterov, ball = best_gradient_descent(bottom, top), best_nesterov(bottom, top), best_heavy_ball(bottom, top)
    assert ball.rate <= nesterov.rate * (1 + 1e-12)
    assert ball.rate <= gd.rate
    assert gd.lr < edge(Method.GRADIENT_DESCENT, top)


def test_the_heavy_ball_gains_the_root_of_the_condition_number():
    for condition in (1e4, 1e6):
        bottom = 1 / condition
        gain = steps_to(1e-6, best_gradient_descent(bottom, 1).rate) / steps_to(1e-6, best_heavy_ball(bottom, 1).rate)
        assert gain == pytest.approx(condition**0.5, rel=1e-3)


def test_an_edge_scales_with_the_inverse_curvature():
    assert edge(Method.HEAVY_BALL, 5.0, 0.9) == 2 * edge(Method.HEAVY_BALL, 10.0, 0.9)


@pytest.mark.parametrize("call", [lambda: edge(Method.NESTEROV, 0.0, 0.9), lambda: best_heavy_ball(2.0, 1.0)])
def test_curvatures_must_be_positive_and_in_order(call):
    with pytest.raises(SpecError, match="0 < λmin <= λmax"):
        call()


def test_a_momentum_of_one_has_no_edge():
    with pytest.raises(SpecError, match="momentum < 1"):
        edge(Method.HEAVY_BALL, 1.0, 1.0)


@pytest.mark.parametrize("condition", [10, 100, 1000])
def test_the_double_root_delays_the_heavy_ball_as_the_iteration_shows(condition):
    best = best_heavy_ball(10 / condition, 10.0)
    curvatures = np.array([10 / condition, 10.0])
    w, velocity, losses = 1 / np.sqrt(curvatures), np.zeros(2), []
    while not losses or losses[-1] > 1e-6:
        losses.append(0.5 * (curvatures * w * w).sum())
        velocity = best.momentum * velocity + curvatures * w
        w = w - best.lr * velocity
    assert heavy_ball_steps(1e-6, best.rate, 0.5) == pytest.approx(len(losses) - 1, abs=1)
    assert steps_to(1e-6, best.rate) < len(losses) - 1
