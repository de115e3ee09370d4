"""What short runs say of the best learning rate and of the edge, on curves that are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.finder.horizon import USUAL, carried, carried_interval
from etude.analysis.finder.runs import ShortRun, curve_of, edge_of, find_best
from etude.analysis.finder.verdict import conclude

STEPS = 20


def run(lr: float, value: float, order: int = 0) -> ShortRun:
    """A run whose last quarter has this mean; infinite: it exploded at its fifth step."""
    if np.isinf(value):
        return ShortRun(lr, order, STEPS, np.array([1.0, 2.0, 4.0, 9.0, np.inf]))
    return ShortRun(lr, order, STEPS, np.concatenate([np.linspace(1.0, value, 15), np.full(5, value)]))


def valley(best: float, octaves: float = 1.0, level: float = 0.0, order: int = 0) -> list[ShortRun]:
    lrs = 10 ** (np.arange(-4, 5) * 0.25) * 0.1
    return [run(float(lr), level + 0.1 + (np.log2(lr / best) / octaves) ** 2 / 10, order) for lr in lrs]


@given(st.floats(0.03, 0.3))
def test_the_lowest_point_of_a_parabola_is_found_between_the_learning_rates_that_were_run(best: float) -> None:
    found = find_best(valley(best), base=1.0)
    assert found.lr == pytest.approx(best, rel=1e-6)
    assert found.low < best < found.high
    assert found.inside


def test_the_interval_ends_where_three_percent_of_the_descent_are_lost() -> None:
    found = find_best(valley(0.1), base=1.1)
    half = np.sqrt(0.03 * 1.0 * 10)  # octaves, on the parabola itself
    assert np.log2(found.high / 0.1) == pytest.approx(half, abs=0.25)
    assert np.log2(0.1 / found.low) == pytest.approx(half, abs=0.25)


@given(st.floats(-100, 100))
def test_levels_of_other_orders_cancel(level: float) -> None:
    alone, both = valley(0.1), [*valley(0.1), *valley(0.1, level=level, order=1)[3:6]]
    assert curve_of(both)[1] == pytest.approx(curve_of(alone)[1], abs=1e-9)


def test_orders_that_disagree_widen_the_interval_to_both_of_their_answers() -> None:
    found = find_best([*valley(0.08), *valley(0.16, order=1)], base=1.0)
    assert found.low <= 0.085
    assert found.high >= 0.155
    assert found.spread == pytest.approx(np.log10(2), abs=0.05)


def test_a_best_one_at_the_end_of_what_was_run_is_not_inside() -> None:
    assert not find_best(valley(0.1)[4:], base=1.0).inside


def test_an_exploded_run_has_no_value_and_bounds_the_edge() -> None:
    runs = [run(0.1, 0.2), run(0.2, 0.4), run(0.4, np.inf), run(0.8, 0.1)]
    assert runs[2].value == np.inf
    assert edge_of(runs, base=1.0, best=0.1) == (0.2, 0.4)


def test_a_run_that_gives_its_descent_back_lies_beyond_the_edge_though_it_is_finite() -> None:
    assert edge_of([run(0.1, 0.2), run(0.2, 0.95)], base=1.0, best=0.1) == (0.1, 0.2)


def test_no_failure_means_no_edge() -> None:
    assert edge_of([run(0.1, 0.2), run(0.2, 0.4)], base=1.0, best=0.1) == (0.2, None)


@given(st.floats(1e-5, 1.0), st.integers(10, 100), st.integers(1, 10_000))
def test_carrying_over_is_one_power_law_whichever_way_it_is_cut(lr: float, steps: int, factor: int) -> None:
    horizon = steps * factor
    assert carried(lr, steps, horizon, USUAL.exponent) == pytest.approx(lr * factor**-USUAL.exponent, rel=1e-9)
    low, high = carried_interval(lr, lr, steps, horizon, USUAL)
    assert low <= carried(lr, steps, horizon, USUAL.exponent) * (1 + 1e-9)
    assert high >= carried(lr, steps, horizon, USUAL.exponent) * (1 - 1e-9)
    assert np.log(high / low) == pytest.approx(2 * USUAL.error * np.log(factor), abs=1e-6)


def test_the_recommendation_stays_an_octave_below_the_edge() -> None:
    runs = valley(0.1)
    best = find_best(runs, base=1.0)
    free = conclude(runs, best, None, STEPS)
    bound = conclude(runs, best, 0.16, STEPS)
    assert free.lr == pytest.approx(0.1)
    assert bound.lr == pytest.approx(0.08)
    assert bound.capped
    assert not free.capped


def test_the_expected_regret_grows_with_the_interval() -> None:
    runs = valley(0.1)
    best = find_best(runs, base=1.0)
    near, far = (conclude(runs, best, None, horizon) for horizon in (STEPS, 1000 * STEPS))
    assert 0 < near.regret < far.regret
    assert near.share == pytest.approx(near.regret / best.descent)


def test_evaluations_that_differ_from_order_to_order_widen_the_interval() -> None:
    def judged(scatter: float) -> list[ShortRun]:
        runs = [replace(r, judged=r.value) for r in valley(0.1)]
        signs = {1: 1, 2: -1}
        return [
            *runs,
            *(
                replace(r, order=o, judged=r.value + s * scatter * (r.lr > 0.1))
                for o, s in signs.items()
                for r in runs[3:6]
            ),
        ]

    calm, noisy = (find_best(judged(scatter), base=1.0) for scatter in (0.0, 0.05))
    assert calm.error == pytest.approx(0.0, abs=1e-12)
    assert noisy.error == pytest.approx(0.05 / np.sqrt(3) / 2)  # one of the two differences scatters
    assert noisy.low < calm.low
    assert noisy.high > calm.high


def test_runs_near_the_edge_do_not_make_the_best_one_better_known() -> None:
    near_the_edge = [run(float(lr), np.inf) for lr in np.geomspace(0.9, 1.0, 8)]
    flat = [run(float(lr), 0.1 if lr == 0.1 else 0.9) for lr in (0.05, 0.1, 0.2)]
    assert find_best([*flat, *near_the_edge], base=1.0).high == pytest.approx(find_best(flat, base=1.0).high)
