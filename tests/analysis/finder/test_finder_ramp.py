"""Reading ramps: robust against noise, spikes, shifts; and what the usual rules make of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.analysis.finder.classical import classical
from etude.analysis.finder.ramp import Ramp, has_exploded, level, read_ramp, smoothed
from etude.core.trace import Array

LRS = np.geomspace(1e-8, 100, 100)


def losses(shift: float = 0.0, noise: float = 0.02, seed: int = 0) -> Array:
    """Level 2.3 at first; falls to 0.3 around η = 0.1; explodes at η ≈ 3."""
    x = np.log10(LRS)
    fall = 2.0 / (1 + np.exp(-(x + 2) * 3))
    rise = np.exp(np.clip((x - 0.3) * 12, -50, 50))
    return np.asarray(2.3 - fall + rise + shift + noise * np.random.default_rng(seed).normal(size=len(LRS)))


def until_it_explodes(values: Array) -> Ramp:
    for t in range(len(values)):
        if has_exploded(values[: t + 1], *level(values[: t + 1])):
            return Ramp(LRS[: t + 1], values[: t + 1])
    return Ramp(LRS, values)


@settings(max_examples=20)
@given(st.integers(0, 200))
def test_onset_minimum_and_divergence_come_in_order_and_near_the_truth(seed: int) -> None:
    found = read_ramp(until_it_explodes(losses(seed=seed)))
    assert found.objection is None
    assert found.diverged is not None
    assert 1e-4 < found.onset < found.lowest < found.diverged
    assert 0.02 < found.lowest < 2
    assert 1 < found.diverged < 10
    assert found.base == pytest.approx(2.3, abs=0.1)
    assert found.descent == pytest.approx(2.0, abs=0.2)


def test_a_spike_does_not_stop_the_ramp_nor_move_its_minimum() -> None:
    plain, spiked = losses(), losses()
    spiked[40] = 50.0
    assert read_ramp(until_it_explodes(spiked)).lowest == read_ramp(until_it_explodes(plain)).lowest


@pytest.mark.parametrize("shift", [-10.0, -2.3])
def test_a_negative_loss_is_no_divergence(shift: float) -> None:
    found = read_ramp(until_it_explodes(losses(shift=shift)))
    assert found.objection is None
    assert 0.02 < found.lowest < 2


def test_a_nan_in_the_middle_ends_the_ramp_and_is_not_its_minimum() -> None:
    values = losses()
    values[75] = np.nan
    found = read_ramp(until_it_explodes(values))
    assert found.diverged == LRS[75]
    assert found.lowest < LRS[75]


@pytest.mark.parametrize(
    ("first", "key"),
    [(np.nan, "find.nan"), (np.inf, "find.infinite"), (-np.inf, "find.infinite"), (1e30, "find.absurd")],
)
def test_a_broken_first_loss_is_named(first: float, key: str) -> None:
    objection = read_ramp(Ramp(LRS[:1], np.array([first]))).objection
    assert objection is not None
    assert objection.key == key


def test_a_loss_that_never_moves_and_one_that_explodes_at_once_are_named() -> None:
    still = read_ramp(Ramp(LRS, np.full(100, 1.0))).objection
    at_once = read_ramp(Ramp(LRS[:4], np.array([1.0, 1.0, 1.0, np.inf]))).objection
    assert still is not None
    assert at_once is not None
    assert (still.key, at_once.key) == ("find.still", "find.explodes_at_once")


def test_the_median_ignores_a_spike_and_keeps_a_straight_line() -> None:
    line = np.arange(10.0)
    assert smoothed(line)[2:-2] == pytest.approx(line[2:-2])


def test_minimum_is_a_tenth_of_the_lowest_point_and_steep_the_steepest_one() -> None:
    values = np.where(LRS < 0.1, 1.0, 0.0) + 0.0 * LRS  # β = 0.98 makes the fall long
    found = classical(Ramp(LRS, values))
    assert found["minimum"] == pytest.approx(LRS[-6] / 10)
    assert LRS[:-1][LRS[1:] >= 0.1][0] <= found["steep"] * 1.0001 <= LRS[LRS >= 0.1][1]


def test_valley_lies_half_way_into_a_fall() -> None:
    falling = np.linspace(2.0, 1.0, 100)  # everything falls, so the longest falling run is all of it
    assert classical(Ramp(LRS, falling))["valley"] == pytest.approx(LRS[10:-5][85 // 3 + 85 // 6])


def test_rules_say_nothing_of_a_ramp_that_is_too_short() -> None:
    assert classical(Ramp(LRS[:5], losses()[:5])) == {}


@pytest.mark.parametrize("seed", range(5))
def test_where_noise_may_feign_the_fall_runs_begin_below_the_divergence(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=len(LRS))
    flat = np.where(LRS < 3, 2.3 + 0.3 * noise, 1e3)
    found = read_ramp(until_it_explodes(np.asarray(flat)))
    assert found.diverged is not None
    assert found.start == pytest.approx(found.diverged / 10)
    assert read_ramp(until_it_explodes(losses(seed=seed))).start < 1
