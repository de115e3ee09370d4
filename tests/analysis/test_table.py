from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from etude.analysis.table import SweepTable
from etude.core.errors import SpecError
from etude.core.trace import Ending, Outcome


def test_runs_are_laid_out_by_learning_rate_and_seed(make_run):
    start = {"train_loss": 2.0}
    runs = [make_run(lr, seed, {"train_loss": lr + seed}, start) for seed in (7, 3) for lr in (0.1, 0.01)]
    table = SweepTable.of(runs)
    assert table.lrs.tolist() == [0.01, 0.1]
    assert table.seeds.tolist() == [3, 7]
    np.testing.assert_array_equal(table.final("train_loss"), [[3.01, 7.01], [3.1, 7.1]])
    assert table.ran.all()
    assert len(table.hashes) == 4


def test_a_diverged_run_counts_as_its_initial_loss_and_every_loss_is_capped_there(table_of):
    table = table_of([0.1, 1.0], [[0.5, 3.0], [np.nan, 1.0]], initial=2.0)
    np.testing.assert_array_equal(table.result("train_loss"), [[0.5, 2.0], [2.0, 1.0]])
    np.testing.assert_array_equal(table.diverged, [[False, False], [True, False]])
    assert np.isnan(table.final("train_loss")[1, 0])


def test_a_completed_run_with_a_loss_of_nan_counts_as_its_initial_loss(make_run):
    spec, trace = make_run(0.1, 0, {"train_loss": 1.0}, {"train_loss": 2.0})
    table = SweepTable.of([(spec, replace(trace, final={"train_loss": np.nan}))])
    assert table.result("train_loss").tolist() == [[2.0]]


def test_accuracy_is_not_capped_but_falls_back_to_the_start_on_divergence(make_run):
    start = {"validation_accuracy": 0.1}
    runs = [
        make_run(0.1, 0, {"validation_accuracy": 0.9}, start),
        make_run(1.0, 0, {"validation_accuracy": 0.9}, start, diverged=True),
    ]
    np.testing.assert_allclose(SweepTable.of(runs).result("validation_accuracy"), [[0.9], [0.1]])


def test_what_was_not_run_or_was_stopped_is_nan_and_left_out_of_the_balanced_table(make_run):
    start = {"train_loss": 2.0}
    runs = [make_run(lr, seed, {"train_loss": 1.0}, start) for lr in (0.1, 0.2, 0.3) for seed in (0, 1)]
    spec, trace = runs[3]
    runs[3] = (spec, replace(trace, outcome=Outcome(Ending.STOPPED, 50), final={}))
    del runs[0]
    table = SweepTable.of(runs)
    assert np.isnan(table.result("train_loss")).tolist() == [[True, False], [False, True], [False, False]]
    assert table.balanced().lrs.tolist() == [0.3]
    with pytest.raises(SpecError, match="finish the study"):
        SweepTable.of(runs[:-2]).balanced()


def test_curves_stay_at_the_initial_loss_after_divergence(make_run):
    start = {"train_loss": 2.0}
    runs = [
        make_run(0.1, 0, {"train_loss": 1.0}, start),
        make_run(1.0, 0, {"train_loss": 1.0}, start, diverged=True),
    ]
    table = SweepTable.of(runs)
    curves = table.curve("train_loss")
    assert table.steps.tolist() == list(range(0, 101, 10))
    np.testing.assert_allclose(curves[0, 0], 1 + np.exp(-table.steps / 10))
    np.testing.assert_array_equal(curves[1, 0], np.full(11, 2.0))


def test_a_seed_without_a_finite_initial_loss_takes_the_mean_of_the_others(make_run):
    runs = [
        make_run(1.0, seed, {"train_loss": 1.0}, {"train_loss": value}, diverged=True)
        for seed, value in enumerate((np.nan, 2.0, 4.0))
    ]
    assert SweepTable.of(runs).baseline("train_loss").tolist() == [3.0, 2.0, 4.0]


def test_runs_of_two_sweeps_twins_and_no_runs_are_refused(make_run):
    spec, trace = make_run(0.1, 0, {"train_loss": 1.0}, {"train_loss": 2.0})
    with pytest.raises(SpecError, match="at least one run"):
        SweepTable.of([])
    with pytest.raises(SpecError, match="share learning rate and seed"):
        SweepTable.of([(spec, trace), (spec, trace)])
    with pytest.raises(SpecError, match="differ in more than"):
        SweepTable.of([(spec, trace), (replace(spec, batch_size=16, seed=1), trace)])
