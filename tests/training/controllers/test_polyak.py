"""The Polyak step where it is exact, and where it is bounded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from etude.core.errors import SpecError
from etude.training.controllers import Polyak


def read(loss: object, norm: object) -> dict[str, np.ndarray]:
    return {"loss": np.atleast_1d(np.array(loss, float)), "gradient_norm": np.atleast_1d(np.array(norm, float))}


@pytest.mark.parametrize("curvature", [1e-3, 1.0, 1e4])
def test_at_c_one_half_one_step_finds_the_minimum_of_any_parabola(curvature: float) -> None:
    control, w = Polyak(optimum=3.0), 5.0
    multiplier, _ = control.update(control.init(np.array([1e9])), read(3 + curvature * w**2 / 2, curvature * w))
    assert w - 1e9 * multiplier[0] * curvature * w == pytest.approx(0.0, abs=1e-9)


def test_on_a_quadratic_it_never_moves_away_from_the_minimum() -> None:
    curvatures, w = np.array([0.1, 1.0, 30.0]), np.array([3.0, -2.0, 1.0])
    control = Polyak(c=0.5)
    state = control.init(np.array([100.0]))
    distances = [np.linalg.norm(w)]
    for _ in range(300):
        multiplier, state = control.update(state, read(0.5 * curvatures @ w**2, np.linalg.norm(curvatures * w)))
        w = w - 100 * multiplier[0] * curvatures * w
        distances.append(np.linalg.norm(w))
    assert (np.diff(distances) <= 1e-12).all()
    assert distances[-1] < distances[0] / 50


def test_a_step_is_bounded_by_the_peak_and_by_the_last_one() -> None:
    control = Polyak(c=1.0, growth=2.0)
    state = control.init(np.array([0.5, 0.5]))
    multiplier, state = control.update(state, read([0.04, 100.0], [2.0, 1.0]))
    assert multiplier.tolist() == [0.02, 1.0]
    multiplier, state = control.update(state, read([100.0, 0.1], [1.0, 1.0]))
    assert multiplier.tolist() == [0.04, 0.2]


def test_without_slope_or_excess_there_is_no_step_and_nothing_to_grow_from() -> None:
    control = Polyak(optimum=0.1, growth=2.0)
    state = control.init(np.ones(3))
    multiplier, state = control.update(state, read([1.0, 0.05, math.nan], [0.0, 1.0, 1.0]))
    assert multiplier[:2].tolist() == [0.0, 0.0]
    assert math.isnan(multiplier[2])
    multiplier, _ = control.update(state, read([1.0, 0.6, 1.0], [1.0, 1.0, 1.0]))
    assert multiplier[:2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "names"),
    [({"c": 0.0}, "c > 0"), ({"optimum": math.inf}, "optimum"), ({"growth": 1.0}, "growth > 1")],
)
def test_a_setting_out_of_range_is_named(options: dict[str, Any], names: str) -> None:
    with pytest.raises(SpecError, match=names):
        Polyak(**options)
