from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from etude.analysis.basin import Basin
from etude.analysis.options import SweepOptions
from etude.analysis.reading import read_sweep
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError

OPTIONS = SweepOptions(resamples=300)
X = np.nan
LRS = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


def advice(table, **options):
    return read_sweep(table, "train_loss", replace(OPTIONS, **options)).recommendation


def seeds(*means):
    """Three seeds around each mean."""
    return [[m, m * 1.01, m * 0.99] for m in means]


def test_a_third_of_the_way_into_the_basin_when_the_edge_is_far(table_of):
    table = table_of(LRS, seeds(1.5, 0.5, 0.495, 0.5, 1.5, X))
    reading = read_sweep(table, "train_loss", OPTIONS)
    basin, found = reading.basin, reading.recommendation
    assert found.reason.key == "recommended_lr.third"
    assert np.log2(found.lr) == pytest.approx(np.log2(basin.left) + basin.octaves / 3)
    assert found.margin == pytest.approx(np.log2(16 / found.lr))


def test_an_octave_below_the_edge_when_the_basin_reaches_it(table_of):
    found = advice(table_of(LRS, seeds(1.5, 1.4, 1.0, 0.5, 0.495, X)))
    assert found.reason.key == "recommended_lr.margin"
    assert found.lr == pytest.approx(8.0)
    assert found.margin == pytest.approx(1.0)
    assert found.regret == pytest.approx(0.005)


def test_the_left_end_when_the_whole_basin_lies_at_the_edge(table_of):
    table = table_of(LRS, seeds(1.5, 1.4, 1.3, 1.2, 0.5, X))
    found = advice(table)
    assert found.reason.key == "recommended_lr.left_end"
    assert found.lr == pytest.approx(read_sweep(table, "train_loss", OPTIONS).basin.left)


def test_the_margin_is_kept_from_the_lower_end_of_the_edges_interval(table_of):
    rows = seeds(1.5, 1.4, 1.0, 0.5, 0.495, 0.5, X)
    rows[5] = [0.5, 0.5, X]
    reading = read_sweep(table_of([*LRS, 64.0], rows), "train_loss", OPTIONS)
    assert (reading.edge.lower, reading.edge.upper) == (32.0, 64.0)
    assert reading.edge.interval[0] < 16
    found = reading.recommendation
    assert found.reason.key == "recommended_lr.left_end"
    assert found.margin == pytest.approx(np.log2(reading.edge.interval[0] / found.lr))
    assert 0 < found.margin < 1


def test_a_basin_inside_the_edges_interval_is_recommended_with_care(table_of):
    rows = [*seeds(1.5, 1.4, 1.3, 1.2, 0.5), [0.5, X, X], [X] * 3]
    found = advice(table_of([*LRS, 64.0], rows))
    assert found.reason.key == "recommended_lr.inside"
    assert 8 < found.lr < 16
    assert found.margin < 0


def test_where_training_may_diverge_is_not_known_when_a_seed_diverges_at_the_smallest_learning_rate(table_of):
    rows = [[X, loss, loss] for loss in (0.6, 0.5, 0.6, 0.7)] + [[X] * 3] * 2
    reading = read_sweep(table_of(LRS, rows), "train_loss", OPTIONS)
    assert reading.edge.estimate is not None
    assert reading.edge.safe is None


def test_without_a_known_edge_it_says_so(table_of):
    assert advice(table_of(LRS, seeds(1.5, 0.6, 0.5, 0.6, 1.0, 1.5))).reason.key == "recommended_lr.no_edge"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[X] * 3] * 6, "cannot_say.diverged"),
        (seeds(1.99, 1.98, 1.99, 1.99, 1.99, X), "cannot_say.untrained"),
        ([row[:2] for row in seeds(1.5, 0.6, 0.5, 0.6, 1.5, X)], "cannot_say.seeds"),
        (seeds(1.5, 1.2, 1.0, 0.8, 0.6, 0.5), "cannot_say.grid_high"),
        (seeds(0.5, 0.6, 0.8, 1.0, 1.5, X), "cannot_say.grid_low"),
        (
            [[0.2, 0.9, 1.5], [0.8, 0.1, 1.4], [1.4, 0.8, 0.1], [0.1, 1.6, 0.9], [1.5, 0.2, 1.0], [X] * 3],
            "cannot_say.noise",
        ),
    ],
)
def test_thin_evidence_is_refused_with_its_reason(table_of, rows, reason):
    found = advice(table_of(LRS, rows, initial=4.0 if reason == "cannot_say.noise" else 2.0))
    assert found.lr is None
    assert found.regret is None
    assert found.reason.key == reason


def test_a_gain_within_the_scatter_of_seeds_is_no_learning(table_of):
    rows = [[1.9, 1.0, 2.6], [1.5, 0.8, 2.8], [1.9, 1.0, 2.6], [X] * 3]
    assert advice(table_of(LRS[:4], rows)).reason.key == "cannot_say.untrained"


def test_a_loss_that_falls_without_any_accuracy_is_no_learning(make_run):
    start = {"validation_loss": 2.5, "validation_accuracy": 0.1}
    runs = [
        make_run(lr, s, {"validation_loss": loss + 0.01 * s, "validation_accuracy": 0.09 + 0.01 * s}, start)
        for lr, loss in zip(LRS, (2.4, 2.3, 2.25, 2.3, 2.4, 2.45), strict=True)
        for s in range(3)
    ]
    reading = read_sweep(SweepTable.of(runs), "validation_loss", OPTIONS)
    assert reading.recommendation.reason.key == "cannot_say.chance"


def test_unequal_classes_are_not_mistaken_for_chance(make_run):
    runs = [
        make_run(
            lr,
            s,
            {"validation_loss": loss + 0.001 * s, "validation_accuracy": 0.95},
            {"validation_loss": 0.7, "validation_accuracy": (0.9, 0.1, 0.9)[s]},
        )
        for lr, loss in zip(LRS, (0.6, 0.3, 0.2, 0.3, 0.6, 0.65), strict=True)
        for s in range(3)
    ]
    assert read_sweep(SweepTable.of(runs), "validation_loss", OPTIONS).recommendation.lr is not None


def test_a_known_plateau_is_not_mistaken_for_noise(table_of):
    table = table_of(LRS, seeds(1.5, 0.5, 0.4999, 0.5, 0.5001, X))
    assert advice(table).lr is not None


def test_an_objective_that_was_not_measured_is_refused(table_of):
    with pytest.raises(SpecError, match="no run measured 'validation_loss'"):
        read_sweep(table_of([1.0, 2.0], seeds(1.0, 0.5)), "validation_loss", OPTIONS)


@pytest.mark.parametrize("seed_count", [3, 5])
def test_pure_noise_seldom_gets_a_recommendation(table_of, seed_count):
    lrs = np.geomspace(1e-3, 1, 16).tolist()
    given_anyway = 0
    for repetition in range(60):
        losses = np.random.default_rng(repetition).normal(1.0, 0.1, (16, seed_count))
        losses[14:] = X
        given_anyway += advice(table_of(lrs, losses.tolist())).lr is not None
    assert given_anyway <= 6


@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_the_true_regret_of_the_recommendation_is_small(valley, noise):
    valley = replace(valley, noise=noise)
    regrets = []
    for repetition in range(40):
        rng = np.random.default_rng(repetition)
        table = SweepTable.of(valley.sweep(np.geomspace(1e-4, 1, 24), 5, rng))
        lr = read_sweep(table, "validation_loss", OPTIONS).recommendation.lr
        assert lr is not None
        regrets.append(float(valley.loss(np.log2(lr))) - valley.floor)
    descent = valley.initial - valley.floor
    assert np.mean(regrets) < 0.005 * descent
    assert np.max(regrets) < 0.02 * descent


def test_the_recommendation_lies_in_the_basin(valley):
    for repetition in range(20):
        rng = np.random.default_rng(repetition)
        reading = read_sweep(SweepTable.of(valley.sweep(np.geomspace(1e-4, 1, 20), 4, rng)), "train_loss", OPTIONS)
        basin: Basin = reading.basin
        assert basin.left <= reading.recommendation.lr <= basin.right
