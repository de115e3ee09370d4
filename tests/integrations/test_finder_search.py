"""How the search goes from run to run, on curves that are made up."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.finder.runs import Best, ShortRun
from etude.integrations.finder.lengths import lengths
from etude.integrations.finder.search import _closed, bracket, search

WIDE = (1e-8, 1e8)


def run(lr: float, value: float) -> ShortRun:
    return ShortRun(lr, 0, 4, np.full(4, value) if np.isfinite(value) else np.array([np.inf]))


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_a_bracket_ends_with_worse_neighbours_on_both_sides(best: float, start: float) -> None:
    runs = bracket(lambda lr: run(lr, (np.log10(lr) - best) ** 2), 10**start, 0.5, WIDE, 100)
    least = min(range(len(runs)), key=lambda i: runs[i].value)
    assert 0 < least < len(runs) - 1
    assert abs(np.log10(runs[least].lr) - best) <= 0.25 + 1e-9


def test_from_explosions_a_bracket_goes_down() -> None:
    runs = bracket(lambda lr: run(lr, np.inf if lr > 1e-3 else -np.log10(lr)), 1.0, 0.5, WIDE, 100)
    assert [r.finished for r in runs] == [True, True, *[False] * 6]


def test_a_bracket_keeps_to_its_limits_and_its_number_of_runs() -> None:
    falls = lambda lr: run(lr, -lr)  # noqa: E731
    assert max(r.lr for r in bracket(falls, 1.0, 0.5, (0.1, 10.0), 100)) == pytest.approx(10.0)
    assert len(bracket(falls, 1.0, 0.5, WIDE, 3)) == 3


@given(st.integers(200, 10**6), st.integers(5, 10**6))
def test_no_run_is_longer_than_the_horizon_and_parts_fit_the_budget(budget: int, horizon: int) -> None:
    plan = lengths(budget, horizon)
    assert plan.scout <= plan.confirm <= max(horizon, 5)
    assert plan.ramp + 8 * plan.scout + 3 * plan.confirm <= budget


def best(lr: float, *, inside: bool) -> Best:
    return Best(lr, 0.9 * lr, 1.1 * lr, None, 1.0, 0.1, inside)


def test_scouts_that_were_worse_close_an_open_end_and_the_interval_reaches_them() -> None:
    scouts = [run(0.01, 3.0), run(0.03, 1.0), run(0.1, np.inf)]
    closed = _closed(best(0.05, inside=False), scouts)
    assert closed.inside
    assert (closed.low, closed.high) == (0.01, 0.1)


def test_an_end_that_no_scout_closes_stays_open_and_a_closed_one_stays_as_it_is() -> None:
    scouts = [run(0.01, 3.0), run(0.03, 1.0)]
    assert not _closed(best(0.05, inside=False), scouts).inside
    assert _closed(best(0.02, inside=True), scouts) == best(0.02, inside=True)


class NoisyBowl:
    """A stage of gradient descent on a quadratic, whose runs end in noise as large as what they differ by."""

    def __init__(self) -> None:
        self.steps, self.updates, self._noise = 0, 1, np.random.default_rng(0)

    def run(self, lrs: np.ndarray, order: int, stop: Callable[[np.ndarray], bool]) -> tuple[np.ndarray, None]:
        w = np.cumprod(np.concatenate([[1.0], 1 - 4 * lrs[:-1]]))
        losses = 2 * np.minimum(w**2, 1e30) + 0.02 * self._noise.normal() + 0.01 * self._noise.normal(size=len(w))
        made = next((t for t in range(1, len(w)) if stop(losses[:t])), len(w))
        self.steps += made
        return losses[:made], None


def test_noise_that_keeps_the_best_one_moving_leaves_some_of_the_budget_to_the_edge() -> None:
    stage = NoisyBowl()
    found = search(stage, lengths(1000, None))
    below, beyond = found.edge
    assert below <= 0.5 <= beyond  # 2 over the curvature
    assert beyond / below < 10**0.25
    assert len({r.order for r in found.runs}) > 1
    assert stage.steps <= 1000
