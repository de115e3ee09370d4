from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etude.analysis.edge import find_edge
from etude.analysis.options import SweepOptions
from etude.analysis.planning import plan
from etude.analysis.table import SweepTable

X = np.nan


def explore(truth, lrs, options, make_run, seeds=3, rounds=60):
    """Run what the plan asks for until it asks for nothing; returns the table and the number of rounds."""
    runs, todo = [], list(lrs)
    for done in range(rounds):
        for lr in todo:
            for seed in range(seeds):
                loss = truth(lr, seed)
                final, start = {"train_loss": loss}, {"train_loss": 2.0}
                runs.append(make_run(lr, seed, final, start, diverged=bool(np.isnan(loss))))
        table = SweepTable.of(runs)
        todo = plan(table, options).lrs
        assert not set(todo) & set(table.lrs.tolist())
        if not todo:
            return table, done
    raise AssertionError("the plan does not end")


def quadratic(curvatures):
    """Loss share left after 100 steps of gradient descent; diverges exactly beyond 2/λmax."""
    return lambda lr, seed: X if lr > 2 / max(curvatures) else float(np.mean([(1 - lr * c) ** 200 for c in curvatures]))


@pytest.mark.parametrize("largest", [0.03, 1.0, 37.0, 900.0])
def test_the_edge_of_a_quadratic_is_bracketed_within_a_tenth(make_run, largest):
    options = SweepOptions(lr_range=(1e-3, 1.0))
    table, rounds = explore(quadratic([largest / 10, largest]), np.geomspace(1e-3, 1.0, 12), options, make_run)
    edge = find_edge(table, options)
    assert edge.lower <= 2 / largest <= edge.upper
    assert edge.upper / edge.lower <= 1.1 * (1 + 1e-9)
    assert rounds <= 8


def test_a_complete_sweep_asks_for_nothing(table_of):
    table = table_of([1.0, 1.5, 2.0, 2.1], [[1.0] * 3, [0.5] * 3, [1.0] * 3, [X] * 3])
    assert plan(table, SweepOptions()).lrs == ()
    assert plan(table, SweepOptions()).reasons == ()


def test_the_grid_is_extended_in_its_own_ratio_where_the_best_lies_at_its_end(table_of):
    below = plan(table_of([1.0, 2.0, 4.0, 4.2], [[0.5] * 3, [0.8] * 3, [1.0] * 3, [X] * 3]), SweepOptions())
    assert below.lrs == (1 / 16, 1 / 8, 1 / 4, 1 / 2)
    assert [reason.key for reason in below.reasons] == ["plan.best_below.train_loss"]
    above = plan(table_of([1.0, 2.0, 4.0], [[1.0] * 3, [0.8] * 3, [0.5] * 3]), SweepOptions())
    assert above.lrs == (8.0, 16.0, 32.0, 64.0)
    assert [reason.key for reason in above.reasons] == ["plan.best_above.train_loss"]


def test_the_grid_is_extended_until_something_diverges_but_not_for_ever(make_run):
    options = SweepOptions(lr_range=(1e-2, 1.0))
    table, _ = explore(
        lambda lr, seed: 1 - 0.5 * np.exp(-(np.log(lr / 0.1) ** 2)), np.geomspace(1e-2, 1, 9), options, make_run
    )
    assert 300 < table.lrs[-1] <= 1000 * (1 + 1e-9)
    assert table.lrs[0] == pytest.approx(1e-2)


def test_when_everything_diverges_it_looks_below_and_gives_up_three_decades_on(make_run):
    table, _ = explore(lambda lr, seed: X, np.geomspace(0.1, 1, 4), SweepOptions(lr_range=(0.1, 1.0)), make_run)
    assert 1e-4 * (1 - 1e-9) <= table.lrs[0] < 4e-4


def test_where_some_seeds_tip_over_beyond_the_range_two_steps_more_are_run(table_of):
    above = plan(table_of([1.0, 2.0, 4.0, 4.2], [[1.0] * 3, [0.5] * 3, [1.0] * 3, [X, X, 1.0]]), SweepOptions())
    assert [reason.key for reason in above.reasons] == ["plan.some_hold"]
    assert above.reasons[0].values == {"lr": 4.2, "count": 1, "seeds": 3}
    assert above.lrs == pytest.approx((8.4, 16.8))
    below = plan(table_of([1.0, 2.0, 4.0, 4.2], [[X, 1.0, 1.0], [X, 0.5, 0.5], [X, 1.0, 1.0], [X] * 3]), SweepOptions())
    assert [reason.key for reason in below.reasons] == ["plan.some_diverge"]
    assert below.lrs == pytest.approx((0.25, 0.5))


def test_with_two_seeds_no_runs_are_spent_on_an_interval_that_they_cannot_give(table_of):
    table = table_of([1.0, 2.0, 4.0, 4.2], [[1.0] * 2, [0.5] * 2, [1.0] * 2, [X, 1.0]])
    assert plan(table, SweepOptions()).reasons == ()


def test_nothing_is_tried_above_the_cap(make_run):
    options = SweepOptions(lr_range=(0.1, 1.0), max_lr=20.0)
    table, _ = explore(lambda lr, seed: 0.5, np.geomspace(0.1, 1, 4), options, make_run)
    assert 9 < table.lrs[-1] <= 20


def test_a_validation_loss_that_learned_nothing_does_not_send_the_search_down(make_run):
    start = {"train_loss": 2.3, "validation_loss": 2.3}
    runs = [
        make_run(lr, s, {"train_loss": train, "validation_loss": validation}, start, diverged=lr > 4)
        for lr, train, validation in ((1.0, 2.0, 2.31), (2.0, 0.1, 3.0), (4.0, 0.5, 4.0), (4.2, 0.0, 0.0))
        for s in range(3)
    ]
    assert plan(SweepTable.of(runs), SweepOptions()).lrs == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_the_search_ends_whatever_the_runs_do(make_run, salt, points):
    def chaotic(lr, seed):
        rng = np.random.default_rng([salt, seed, int(np.float64(lr).view(np.uint64) % 2**31)])
        return X if rng.random() < 0.4 else float(rng.random() * 2.2)

    table, _ = explore(chaotic, np.geomspace(1e-2, 1, points), SweepOptions(lr_range=(1e-2, 1.0)), make_run)
    assert table.lrs[0] >= 1e-5 * (1 - 1e-9)
    assert table.lrs[-1] <= 1e3 * (1 + 1e-9)


def test_a_stable_sweep_with_an_edge_in_the_grid_sees_no_other(valley):
    lrs = np.geomspace(1e-3, 1, 16)
    for repetition in range(20):
        table = SweepTable.of(valley.sweep(lrs, 5, np.random.default_rng(repetition)))
        edge = find_edge(table, SweepOptions())
        assert edge.lower is not None
        assert edge.upper is not None
        assert edge.reversal is None
        assert np.log2(edge.lower) < valley.cliff + 0.15
        assert np.log2(edge.upper) > valley.cliff - 0.15
