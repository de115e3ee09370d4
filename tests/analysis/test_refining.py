"""Refining a coarse grid around its best learning rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etude.analysis.options import SweepOptions
from etude.analysis.refining import refine
from etude.analysis.table import SweepTable

COARSE = np.geomspace(1e-3, 1.0, 7)


def explore(best, make_run, options, lrs=COARSE, rounds=40):
    """Refine a valley around log2 η = ``best`` until nothing more is asked for."""
    runs, todo = [], list(lrs)
    for _ in range(rounds):
        for lr in todo:
            for seed in range(2):
                loss = 0.5 + 0.05 * (np.log2(lr) - best) ** 2
                runs.append(make_run(lr, seed, {"train_loss": loss}, {"train_loss": 9.0}))
        table = SweepTable.of(runs)
        todo = refine(table, "train_loss", options).lrs
        assert not set(todo) & set(table.lrs.tolist())
        if not todo:
            return table
    raise AssertionError("refining does not end")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(best=st.floats(-14.0, 4.0))
def test_the_best_learning_rate_is_found_to_the_resolution_also_beyond_the_grid(make_run, best):
    table = explore(best, make_run, SweepOptions(lr_range=(1e-3, 1.0)))
    found = table.octaves[np.argmin(table.result("train_loss").mean(axis=1))]
    assert abs(found - best) <= 0.25 + 1e-6


def test_a_dozen_further_learning_rates_are_enough(make_run):
    table = explore(-5.0, make_run, SweepOptions(lr_range=(1e-3, 1.0)))
    assert len(table.lrs) <= len(COARSE) + 6


def test_the_grid_is_not_extended_beyond_its_reach(make_run):
    options = SweepOptions(lr_range=(1e-3, 1.0), reach=10.0)
    table = explore(8.0, make_run, options)
    assert table.lrs[-1] == pytest.approx(10.0)


def test_a_reason_names_the_range_that_is_refined(table_of):
    table = table_of([0.01, 0.1, 1.0], [[1.0] * 3, [0.5] * 3, [0.9] * 3])
    plan = refine(table, "train_loss", SweepOptions())
    assert plan.lrs == pytest.approx((0.1**1.5, 0.1**0.5))
    (reason,) = plan.reasons
    assert (reason.key, reason.values) == ("plan.refine", {"low": 0.01, "high": 1.0})
