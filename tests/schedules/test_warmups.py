"""The shapes of warm-up, and those that follow from Adam's second moment."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import (
    CosineWarmup,
    ExponentialWarmup,
    GeometricWarmup,
    LinearWarmup,
    RectifiedWarmup,
    untuned_exponential,
    untuned_linear,
)


def played(schedule: Schedule) -> list[float]:
    return [schedule(t) for t in range(schedule.steps)]


@given(st.integers(1, 200), st.sampled_from([LinearWarmup, CosineWarmup, GeometricWarmup]))
def test_every_shape_of_given_length_starts_above_zero_rises_and_ends_at_the_peak(steps: int, shape) -> None:
    rise = played(shape(steps))
    assert rise[0] > 0
    assert rise[-1] == 1.0
    assert all(a < b for a, b in itertools.pairwise(rise))


def test_shapes_have_their_middles() -> None:
    assert CosineWarmup(4)(1) == pytest.approx(0.5)
    assert CosineWarmup(6)(1) == pytest.approx(0.25)  # (1 − cos 60°) / 2
    assert GeometricWarmup(4, 0.0001)(1) == pytest.approx(0.01)
    assert ExponentialWarmup(4, 2)(1) == pytest.approx(1 - 1 / math.e)


def test_an_exponential_lacks_what_it_says_after_five_timescales() -> None:
    assert 1 - ExponentialWarmup(500, 100)(499) == pytest.approx(math.exp(-5))


@pytest.mark.parametrize(("beta2", "steps"), [(0.999, 2000), (0.99, 200), (0.95, 40), (0.0, 2)])
def test_the_untuned_lengths_are_those_of_the_paper(beta2: float, steps: int) -> None:
    assert untuned_linear(beta2).steps == steps
    assert untuned_exponential(10, beta2).timescale == pytest.approx(steps / 2)


def test_the_untuned_warmups_play_the_published_values_at_beta2_of_0_999() -> None:
    linear, exponential = untuned_linear(0.999), untuned_exponential(3000, 0.999)
    assert linear(1998) < linear(1999) == 1.0  # t = 2000 of the paper, which counts from 1
    assert exponential(692) == pytest.approx(0.49993, abs=5e-6)
    assert exponential(692) == pytest.approx(-math.expm1(-0.693), rel=1e-12)


def rectification(beta2: float, n: int) -> float | None:
    """RAdam's r at its n-th step, with ρ from the centre of mass of the moving average's own weights."""
    weights = [(1 - beta2) * beta2 ** (n - i) for i in range(1, n + 1)]
    centre = sum(w * (n + 1 - i) for i, w in enumerate(weights, start=1)) / sum(weights)
    rho = 2 * centre - 1  # the simple moving average with the same centre of mass
    limit = 2 / (1 - beta2) - 1
    if rho <= 4:
        return None
    return math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))


@pytest.mark.parametrize("beta2", [0.9, 0.99, 0.999])
def test_the_rectified_warmup_is_radams_factor_from_its_first_finite_variance_on(beta2: float) -> None:
    factors = [r for n in range(1, 400) if (r := rectification(beta2, n)) is not None]
    assert played(RectifiedWarmup(300, beta2)) == pytest.approx(factors[:300], rel=1e-9)


@given(st.floats(0.61, 0.9999))
def test_the_rectified_warmup_rises_from_above_zero_to_at_most_one(beta2: float) -> None:
    rise = played(RectifiedWarmup(50, beta2))
    assert rise[0] > 0
    assert all(a <= b <= 1 + 1e-12 for a, b in itertools.pairwise(rise))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RectifiedWarmup(5, 0.6), "needs 0.6 < beta2 < 1, got 0.6"),
        (lambda: RectifiedWarmup(5, 1.0), "needs 0.6 < beta2 < 1, got 1.0"),
        (lambda: untuned_linear(1.0), "needs 0 <= beta2 < 1, got 1.0"),
        (lambda: untuned_exponential(5, -0.1), "needs 0 <= beta2 < 1, got -0.1"),
        (lambda: GeometricWarmup(5, 0), "needs start > 0 and finite, got 0"),
        (lambda: ExponentialWarmup(5, 0), "needs timescale > 0 and finite, got 0"),
        (lambda: CosineWarmup(0), "needs steps >= 1, got 0"),
    ],
)
def test_what_makes_no_warmup_is_refused(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()
