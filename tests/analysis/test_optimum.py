from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from etude.analysis.optimum import find_optimum
from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.analysis.valley import grid_spacing

OPTIONS = SweepOptions(resamples=500)


def sweep(table_of, loss, x, seeds=5, scatter=0.0):
    noise = np.random.default_rng(0).normal(0, 1, (1, seeds))
    return table_of((2.0**x).tolist(), (loss(x)[:, None] + scatter * noise).tolist())


def test_a_parabola_in_log_lr_is_recovered_exactly(table_of):
    x = np.arange(-6, 3, 0.5)
    best = find_optimum(sweep(table_of, lambda x: 0.9 + 0.03 * (x + 2.2) ** 2, x), "train_loss", OPTIONS)
    assert best.method == "fit"
    assert np.log2(best.lr) == pytest.approx(-2.2)
    assert best.interval == pytest.approx((best.lr, best.lr), rel=1e-6)


def test_a_parabola_in_log_loss_over_decades_is_recovered_exactly(table_of):
    x = np.arange(-6, 3, 0.5)
    best = find_optimum(sweep(table_of, lambda x: 1e-5 * 10 ** (0.5 * (x + 2.2) ** 2 - 2), x), "train_loss", OPTIONS)
    assert best.method == "fit"
    assert np.log2(best.lr) == pytest.approx(-2.2)


def test_beside_the_cliff_only_the_grid_cell_is_claimed(table_of):
    table = table_of([1.0, 2.0, 4.0, 8.0], [[1.0] * 5, [0.5] * 5, [0.1] * 5, [np.nan] * 5])
    best = find_optimum(table, "train_loss", OPTIONS)
    assert best.method == "grid"
    assert best.lr == 4.0
    assert best.interval == pytest.approx((4 / np.sqrt(2), 4 * np.sqrt(2)))


def test_a_cliff_of_runs_that_did_not_diverge_keeps_the_fit_away_too(table_of):
    losses = [0.0028, 0.00118, 0.00047, 0.00018, 0.0626, 0.538]  # of a digits study, 500 steps, η = 0.09 … 0.67
    x = np.log2(0.0905) + 0.577 * np.arange(6)
    best = find_optimum(table_of((2.0**x).tolist(), [[v] * 5 for v in losses]), "train_loss", OPTIONS)
    assert best.method == "grid"
    assert best.lr == pytest.approx(0.0905 * 2 ** (3 * 0.577))


def test_a_single_diverged_seed_keeps_the_fit_away(table_of):
    x = np.arange(-4.0, 4.0)
    losses = np.repeat(0.5 + 0.05 * x[:, None] ** 2, 5, axis=1)
    losses[5, 2] = np.nan
    assert find_optimum(table_of((2.0**x).tolist(), losses.tolist()), "train_loss", OPTIONS).method == "grid"


def test_the_best_at_an_end_is_told(table_of):
    x = np.arange(-4.0, 4.0)
    assert find_optimum(sweep(table_of, lambda x: 1 - 0.1 * x, x), "train_loss", OPTIONS).at_end == "high"
    assert find_optimum(sweep(table_of, lambda x: 1 + 0.1 * x, x), "train_loss", OPTIONS).at_end == "low"


def test_below_five_seeds_the_interval_holds_all_that_cannot_be_told_from_the_best(table_of):
    table = table_of(
        [1.0, 2.0, 4.0, 8.0], [[1.0, 1.1, 1.2], [0.5, 0.7, 0.6], [0.6, 0.5, 0.68], [0.9, 1.0, 1.0]], initial=2.0
    )
    best = find_optimum(table, "train_loss", OPTIONS)
    assert best.alike.tolist() == [False, True, True, False]
    assert best.basis == "alike"
    assert best.interval == pytest.approx((np.sqrt(2), np.sqrt(32)))


def test_a_single_seed_has_no_interval(table_of):
    best = find_optimum(table_of([1.0, 2.0, 4.0], [[1.0], [0.5], [1.0]]), "train_loss", OPTIONS)
    assert best.interval is None


def test_the_spacing_of_a_refined_grid_is_that_of_the_grid():
    x = np.sort(np.concatenate([np.arange(0.0, 10.0), [7.25, 7.5, 7.75]]))
    assert grid_spacing(x) == 1.0


def test_points_added_at_the_edge_do_not_disturb_the_fit(table_of):
    x = np.sort(np.concatenate([np.arange(-6, 3, 0.5), [1.1, 1.2, 1.3, 1.4]]))
    best = find_optimum(sweep(table_of, lambda x: 0.9 + 0.03 * (x + 2.2) ** 2, x), "train_loss", OPTIONS)
    assert np.log2(best.lr) == pytest.approx(-2.2)


@pytest.mark.parametrize(("points", "seeds", "noise"), [(24, 5, 0.002), (24, 5, 0.02), (12, 5, 0.01), (24, 3, 0.01)])
def test_the_interval_covers_the_best_of_a_lopsided_valley_with_a_cliff(valley, points, seeds, noise):
    valley = replace(valley, noise=noise)
    x = np.linspace(-8, -3, 2001)
    shifts = np.random.default_rng(1).normal(0, 0.15, 400)
    truth = x[np.mean([valley.loss(x - s) for s in shifts], axis=0).argmin()]
    covered = []
    for repetition in range(60):
        rng = np.random.default_rng(repetition)
        lrs = np.geomspace(1e-4, 1, points) * 2 ** rng.uniform(-0.3, 0.3)
        best = find_optimum(SweepTable.of(valley.sweep(lrs, seeds, rng)), "validation_loss", OPTIONS)
        assert best.interval is not None
        covered.append(np.log2(best.interval[0]) <= truth <= np.log2(best.interval[1]))
    assert np.mean(covered) >= 0.85


def test_more_seeds_bring_the_estimate_closer(valley):
    valley = replace(valley, noise=0.02)
    lrs = np.geomspace(1e-3, 0.2, 20)

    def error(seeds):
        sweeps = (valley.sweep(lrs, seeds, np.random.default_rng(k)) for k in range(20))
        estimates = [np.log2(find_optimum(SweepTable.of(s), "validation_loss", OPTIONS).lr) for s in sweeps]
        return np.sqrt(np.mean((np.asarray(estimates) - valley.best) ** 2))

    assert error(24) < 0.6 * error(3)
