from __future__ import annotations

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.summary import summarize_curves, summarize_ends
from etude.analysis.table import SweepTable

OPTIONS = SweepOptions(resamples=300)


def test_ends_hold_means_intervals_and_divergences(table_of):
    summary = summarize_ends(table_of([0.1, 0.2], [[1.0, 1.2, 1.1], [0.5, np.nan, 0.7]]), "train_loss", OPTIONS)
    np.testing.assert_allclose(summary.mean, [1.1, (0.5 + 2.0 + 0.7) / 3])
    assert summary.diverged.tolist() == [0, 1]
    assert summary.ran.tolist() == [3, 3]
    assert ((summary.low < summary.mean) & (summary.mean < summary.high)).all()


def test_the_interval_of_a_positive_loss_stays_positive(table_of):
    summary = summarize_ends(table_of([0.1], [[1e-6, 1e-4, 1e-1]]), "train_loss", OPTIONS)
    assert summary.low[0] >= 1e-6


def test_a_single_seed_has_a_mean_and_no_interval(table_of):
    summary = summarize_ends(table_of([0.1], [[1.0]]), "train_loss", OPTIONS)
    assert summary.mean.tolist() == [1.0]
    assert np.isnan(summary.low).all()
    assert np.isnan(summary.high).all()


def test_curves_count_the_living_and_hold_the_dead_at_the_start(table_of):
    table = table_of([0.1, 0.2], [[1.0, 1.0], [1.0, np.nan]])
    healthy, wounded = summarize_curves(table, "train_loss", OPTIONS)
    np.testing.assert_allclose(healthy.mean, 1 + np.exp(-healthy.steps / 10))
    np.testing.assert_allclose(wounded.mean, (healthy.mean + 2.0) / 2)
    assert healthy.alive.tolist() == [2] * 11
    assert wounded.alive.tolist() == [2, 2, 2] + [1] * 8


def test_what_was_not_run_is_nan(make_run):
    runs = [make_run(lr, s, {"train_loss": 1.0}, {"train_loss": 2.0}) for lr, s in ((0.1, 0), (0.2, 1))]
    summary = summarize_ends(SweepTable.of(runs), "train_loss", OPTIONS)
    assert summary.ran.tolist() == [1, 1]
    assert np.isnan(summary.values[0, 1])
    assert summary.mean.tolist() == [1.0, 1.0]
