"""How answers move along a second axis."""

import numpy as np
import pytest

from etude.analysis.along import along_findings, read_along
from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.core.finding import Verdict

LRS = np.geomspace(1e-3, 1.0, 13)
KEYS = {"momentum": (0.0, 0.9, 0.99), "batch_size": (16, 64, 256)}


def valley(make_run, centre, floor=0.5, seeds=5, noise=1e-3):
    """A sweep with its best learning rate at log10 η = ``centre``."""
    runs = []
    for lr in LRS:
        for seed in range(seeds):
            wobble = noise * np.sin(37 * seed + 1000 * lr)
            loss = floor + 0.3 * (np.log10(lr) - centre) ** 2 + wobble
            runs.append(make_run(lr, seed, {"train_loss": loss}, {"train_loss": 3.0}))
    return SweepTable.of(runs)


def read(make_run, key, centres, floors=(0.5, 0.5, 0.5), **more):
    values = KEYS[key]
    tables = {f"{key}={v}": valley(make_run, c, f, **more) for v, c, f in zip(values, centres, floors, strict=True)}
    along = read_along(key, values, tables, "train_loss", SweepOptions())
    return along, along_findings(along, "train_loss", SweepOptions())


def test_momentum_that_leaves_the_effective_learning_rate_alone_has_power_minus_one(make_run):
    along, (_, trend) = read(make_run, "momentum", (-0.5, -1.5, -2.5))
    assert along.trend.power == pytest.approx(-1, abs=0.03)
    assert trend.verdict is Verdict.SUPPORTED
    assert trend.statement.key == "along.trend.fraction"
    assert trend.interval[0] <= trend.estimate <= trend.interval[1] < 0


def test_a_linear_rule_for_the_batch_size_has_power_one(make_run):
    growth = np.log10(4)
    along, (_, trend) = read(make_run, "batch_size", (-1.5 - growth, -1.5, -1.5 + growth))
    assert along.trend.power == pytest.approx(1, abs=0.03)
    assert trend.statement.key == "along.trend.power"


def test_a_line_through_scattered_points_is_not_called_a_trend(make_run):
    _, (_, trend) = read(make_run, "batch_size", (-2.0, -1.0, -2.0))
    assert trend.verdict is Verdict.INCONCLUSIVE
    assert trend.interval[0] < 0 < trend.interval[1]


def test_the_lowest_value_wins_when_the_seeds_tell_it_apart(make_run):
    _, (best, _) = read(make_run, "momentum", (-1.0, -1.5, -2.0), floors=(0.8, 0.5, 0.9))
    assert (best.verdict, best.estimate, best.statement.key) == (Verdict.SUPPORTED, 0.9, "along.best.alone")


def test_equal_values_are_said_to_be_equal(make_run):
    _, (best, _) = read(make_run, "momentum", (-1.0, -1.5, -2.0), noise=0.05)
    assert (best.verdict, best.estimate) == (Verdict.INCONCLUSIVE, None)


def test_values_without_a_stated_best_do_not_enter_the_trend(make_run):
    along, (_, trend) = read(make_run, "momentum", (-0.5, -1.5, -7.0))
    assert along.trend is None
    assert trend.statement.key == "along.trend.few"
