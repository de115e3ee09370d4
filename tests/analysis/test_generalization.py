from __future__ import annotations

import numpy as np
import pytest

from etude.analysis.generalization import choose_by_training, gap_at, sharpness_at, sharpness_correlation
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError

OPTIONS = SweepOptions(resamples=400)
LRS = 2.0 ** np.arange(6)
START = {"train_loss": 2.0, "validation_loss": 2.0}


@pytest.fixture
def both(make_run):
    """A table from (L,) training and validation losses, seeds scattered around both, and (L,) sharpness."""

    def build(train, validation, sharpness=None, seeds=5, scatter=0.005):
        rng = np.random.default_rng(0)
        runs = []
        for i, lr in enumerate(2.0 ** np.arange(len(train))):
            for s in range(seeds):
                final = {"train_loss": train[i] + scatter * rng.normal()}
                final["validation_loss"] = validation[i] + scatter * rng.normal()
                if sharpness is not None:
                    final["sharpness"] = sharpness[i] * np.exp(0.02 * rng.normal())
                runs.append(make_run(float(lr), s, final, START))
        return SweepTable.of(runs)

    return build


TRAIN = np.array([1.0, 0.6, 0.3, 0.2, 0.15, 0.4])


def test_the_gap_is_the_paired_difference(both):
    table = both(TRAIN, TRAIN + 0.3)
    differences = table.final("validation_loss")[2] - table.final("train_loss")[2]
    gap = gap_at(table, 2, OPTIONS)
    assert gap.estimate == pytest.approx(differences.mean())
    assert gap.interval == pytest.approx(t_interval(differences))
    assert gap.seeds == 5


def test_sharpness_is_averaged_geometrically_and_may_be_missing(both, make_run):
    table = both(TRAIN, TRAIN, np.full(6, 10.0))
    measured = sharpness_at(table, 3, OPTIONS)
    assert measured.estimate == pytest.approx(np.exp(np.log(table.final("sharpness")[3]).mean()))
    assert measured.interval[0] < 10 * 1.05
    assert measured.interval[0] > 0
    assert sharpness_at(both(TRAIN, TRAIN), 3, OPTIONS) is None


def test_a_sharpness_that_is_not_positive_is_averaged_plainly(make_run):
    runs = [make_run(1.0, s, {**START, "sharpness": v}, START) for s, v in enumerate((-1.0, 2.0))]
    assert sharpness_at(SweepTable.of(runs), 0, OPTIONS).estimate == 0.5


FLAT_TRAIN = np.array([0.12, 0.11, 0.1, 0.1, 0.11, 0.12])


@pytest.mark.parametrize("sign", [1, -1])
def test_the_correlation_has_the_sign_that_was_put_in(both, sign):
    rank = np.arange(6)
    table = both(FLAT_TRAIN, 0.5 + 0.1 * rank, np.exp(sign * 0.5 * rank))
    found = sharpness_correlation(table, table.final("validation_loss"), OPTIONS)
    assert found.estimate == pytest.approx(sign)
    assert found.interval[0] <= sign <= found.interval[1]
    assert found.lrs == tuple(LRS)


def test_hardly_trained_learning_rates_do_not_decide_the_correlation(both):
    train = np.array([1.9, 1.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    table = both(train, 0.5 + 0.0 * train, np.exp(np.arange(8.0)))
    found = sharpness_correlation(table, table.final("validation_loss"), OPTIONS)
    assert found.lrs == tuple(table.lrs[2:])


def test_few_learning_rates_widen_the_interval_though_the_seeds_agree(both):
    rank = np.array([0, 2, 1, 4, 3, 5.0])
    table = both(FLAT_TRAIN, 0.5 + 0.1 * rank, np.exp(0.5 * np.arange(6)))
    found = sharpness_correlation(table, table.final("validation_loss"), OPTIONS)
    assert found.estimate == pytest.approx(0.886, abs=0.01)
    assert found.interval[0] < 0.2


def test_too_few_learning_rates_give_no_correlation(both):
    train = np.array([1.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    table = both(train, train, np.exp(np.arange(6.0)))
    assert sharpness_correlation(table, table.final("validation_loss"), OPTIONS) is None


def test_the_cost_of_choosing_by_training_loss_is_found_when_it_is_there(both):
    validation = np.array([1.2, 0.9, 0.5, 0.6, 0.9, 1.1])
    choice = choose_by_training(both(TRAIN, validation), OPTIONS)
    assert choice.regret == pytest.approx(0.4, abs=0.02)
    assert choice.interval[0] > 0.3
    assert choice.log2_ratio == pytest.approx(2.0, abs=0.6)
    assert choice.ratio_interval[0] > 0.5


def test_choosing_by_training_loss_costs_nothing_when_both_agree(both):
    choice = choose_by_training(both(TRAIN, TRAIN + 0.3), OPTIONS)
    assert choice.per_seed.tolist() == [0.0] * 5
    assert choice.interval == (0.0, 0.0)
    assert choice.log2_ratio == pytest.approx(0.0, abs=0.3)


def test_each_seed_judges_a_choice_that_it_had_no_part_in(make_run):
    """One outlier seed per learning rate would make a choice on all seeds look better than it is."""
    validation = np.array([[0.5, 0.9, 0.9], [0.9, 0.5, 0.9], [0.9, 0.9, 0.5]])
    train = np.array([0.1, 0.2, 0.3])
    runs = [
        make_run(float(LRS[i]), s, {"train_loss": train[i], "validation_loss": validation[i, s]}, START)
        for i in range(3)
        for s in range(3)
    ]
    choice = choose_by_training(SweepTable.of(runs), OPTIONS)
    best_of_others = [np.delete(validation, s, axis=1).mean(axis=1).argmin() for s in range(3)]
    expected = [validation[0, s] - validation[best_of_others[s], s] for s in range(3)]
    np.testing.assert_allclose(choice.per_seed, expected)


def test_unbiased_regret_averages_to_the_truth(make_run):
    """Over many sweeps the estimate is near the true cost; the plug-in estimate on all seeds would be well above it."""
    rng = np.random.default_rng(0)
    regrets = []
    for _ in range(150):
        noise = rng.normal(0, 0.1, (4, 5))
        runs = [
            make_run(float(LRS[i]), s, {"train_loss": 0.1 * (i + 1), "validation_loss": 0.8 + noise[i, s]}, START)
            for i in range(4)
            for s in range(5)
        ]
        regrets.append(choose_by_training(SweepTable.of(runs), SweepOptions(resamples=2)).regret)
    assert abs(np.mean(regrets)) < 3 * np.std(regrets) / np.sqrt(150)


def test_two_seeds_cannot_judge(both):
    with pytest.raises(SpecError, match="at least 3 seeds"):
        choose_by_training(both(TRAIN, TRAIN, seeds=2), OPTIONS)
