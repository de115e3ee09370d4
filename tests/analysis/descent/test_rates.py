"""Rates fitted to curves whose rate is known, and curves that have none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.descent.fastest import best_heavy_ball
from etude.analysis.descent.rates import Rate, falls, fit_rate, steps_until
from etude.analysis.descent.theory import Method, edge, rate
from etude.core.message import Message

EIGENVALUES = np.logspace(-1, 1, 10)


def descend(method, lr, beta, steps, seed=0):
    """Losses of a method on the quadratic with these eigenvalues, from a normal start; they end as an explosion does."""
    w = np.random.default_rng(seed).standard_normal(len(EIGENVALUES))
    velocity, losses = np.zeros_like(w), []
    for _ in range(steps):
        losses.append(0.5 * (EIGENVALUES * w * w).sum())
        if losses[-1] > 1e6 * losses[0]:
            break
        gradient = EIGENVALUES * w
        velocity = beta * velocity + gradient
        w = w - lr * (gradient + beta * velocity if method is Method.NESTEROV else velocity)
    return np.array(losses)


@given(
    rho=st.floats(0.5, 0.98),
    scale=st.floats(1e-3, 1e3),
    minimum=st.sampled_from([0.0, 0.3, 2.0]),
    period=st.floats(2.5, 12),
)
def test_the_rate_of_a_decaying_oscillation_is_that_of_its_envelope(rho, scale, minimum, period):
    t = np.arange(600.0)
    losses = minimum + scale * rho ** (2 * t) * (1.01 + np.cos(2 * np.pi * t / period))
    found = fit_rate(losses, minimum)
    if isinstance(found, Rate):
        # Two periods, all that a steep fall leaves above rounding, give a slope to a tenth.
        enough = found.stop - found.start >= 3 * period
        assert np.log(found.value) == pytest.approx(np.log(rho), rel=0.06 if enough else 0.12)
        assert found.low <= found.value <= found.high
    else:
        assert rho < 0.8 or found.key == "descent.rate.bent"


@pytest.mark.parametrize(
    ("method", "beta"), [(Method.GRADIENT_DESCENT, 0.0), (Method.HEAVY_BALL, 0.9), (Method.NESTEROV, 0.8)]
)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.87, 0.97, 1.01, 1.02])
def test_measured_rates_are_those_of_theory(method, beta, share):
    lr = share * edge(method, 10.0, beta)
    found = fit_rate(descend(method, lr, beta, 1500), 0.0)
    assert isinstance(found, Rate)
    assert np.log(found.value) == pytest.approx(np.log(float(rate(method, lr, EIGENVALUES, beta))), rel=0.02)
    assert (found.value > 1) == (share > 1)


@pytest.mark.parametrize("seed", range(3))
def test_no_rate_is_missed_by_phases_that_drift_slowly(seed):
    """Oscillations of periods near whole numbers of steps: a rate within 6 %, or the answer that the curve is bent."""
    draw, t = np.random.default_rng(seed), np.arange(600.0)
    measured = 0
    for _ in range(300):
        rho, period = 1 - 10 ** draw.uniform(-3.7, -2.5), draw.integers(2, 12) + draw.normal() * 0.02
        losses = rho ** (2 * t) * (1 + np.cos(2 * np.pi * t / period + draw.uniform(0, 2 * np.pi)))
        found = fit_rate(losses, 0.0)
        if isinstance(found, Rate):
            measured += 1
            assert np.log(found.value) == pytest.approx(np.log(rho), rel=0.06), (rho, period)
        else:
            assert found.key == "descent.rate.bent"
    assert measured > 50


def test_the_double_root_of_the_heavy_ball_approaches_its_rate_from_above():
    best = best_heavy_ball(0.1, 10.0)
    found = fit_rate(descend(Method.HEAVY_BALL, best.lr, best.momentum, 400), 0.0)
    assert isinstance(found, Rate)
    assert best.rate < found.value < best.rate * 1.01


def test_a_curve_that_ends_on_a_noise_floor_has_no_rate():
    noise = 1e-4 * np.random.default_rng(0).standard_normal(400) ** 2
    found = fit_rate(0.95 ** (2 * np.arange(400.0)) + noise, 0.0)
    assert found == Message("descent.rate.bent", found.values)


def test_a_curve_that_still_bends_has_no_rate():
    t = np.arange(200.0)
    found = fit_rate(1 / (1 + t) ** 2, 0.0)
    assert found == Message("descent.rate.bent", found.values)


def test_a_curve_that_is_down_at_once_has_no_rate():
    found = fit_rate(np.array([3.0, *[1.0] * 50]), 1.0)
    assert found == Message("descent.rate.short", {"steps": 1, "needed": 24})


def test_the_fit_stops_where_rounding_begins():
    t = np.arange(500.0)
    rounding = 1e-16 * np.random.default_rng(0).standard_normal(500)
    found = fit_rate(2.0 + 0.9 ** (2 * t) + rounding, 2.0)
    assert isinstance(found, Rate)
    assert found.stop < 140
    assert found.value == pytest.approx(0.9, abs=1e-4)


@given(rho=st.floats(0.9, 0.998), minimum=st.sampled_from([0.0, 1.0]))
def test_what_falls_is_told_from_what_stays_or_grows(rho, minimum):
    t = np.arange(400.0)
    assert falls(minimum + rho**t, minimum)
    assert not falls(minimum + rho**-t, minimum)
    assert not falls(minimum + 0.1 + 0.01 * np.cos(2.5 * t), minimum)
    assert not falls(minimum + 0.1 + 0.9**t, minimum)
    assert not falls(np.array([1.0, 2.0, np.inf, np.nan]), minimum)


def test_a_loss_at_its_minimum_to_rounding_counts_as_falling():
    rounding = 1e-16 * np.random.default_rng(0).standard_normal(100)
    assert falls(np.concatenate([[1.0], np.full(99, 0.5) + rounding[1:]]), 0.5)


def test_steps_to_a_share_count_only_when_the_loss_stays_below():
    losses = np.array([10.0, 0.5, 4.0, 0.9, 0.8, 0.7])
    assert steps_until(losses, 0.0, 0.1) == 3
    assert steps_until(losses, 0.0, 0.05) == np.inf
    assert steps_until(np.array([1.0, np.nan]), 0.0, 0.5) == np.inf
