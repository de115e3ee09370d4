"""Sweeps that spend their runs where the best learning rate is decided, on valleys whose truth is known."""

import math

import numpy as np
import pytest

from etude.analysis.edge import find_edge
from etude.analysis.halving import FIRST_SEEDS, Aim, halve, standing, width
from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable

COARSE = np.geomspace(1e-4, 1, 10)
OPTIONS = SweepOptions(lr_range=(1e-4, 1.0), resamples=400)


@pytest.fixture
def search(valley, make_run):
    """Halve until nothing is asked for; runs by (seed, lr) are the same whenever they are made."""

    def run(aim, noise=0.008, shift=0.3, world=0, lrs=COARSE):
        rng = np.random.default_rng(world)
        shifts, levels = rng.normal(0, shift, 64), rng.normal(0, 0.02, 64)
        rounds = [{float(lr): tuple(range(FIRST_SEEDS)) for lr in lrs}]
        made = []
        while rounds[-1]:
            for lr, seeds in rounds[-1].items():
                for seed in seeds:
                    x = math.log2(lr)
                    own = np.random.default_rng([world, seed, round(1e6 * (x + 64))]).normal(0, noise)
                    loss = float(valley.loss(x - shifts[seed])) + levels[seed] + own
                    start = {"train_loss": valley.initial + levels[seed]}
                    made.append(make_run(lr, seed, {"train_loss": loss}, start, diverged=x > valley.cliff))
            table = SweepTable.of(made)
            plan = halve(table, OPTIONS, aim)
            assert set(plan.lrs) == set(plan.seeds)
            rounds.append(dict(plan.seeds))
        return table, rounds[:-1]

    return run


def test_the_best_is_found_with_a_fraction_of_the_full_grids_runs(search, valley):
    off, runs, held = [], [], []
    for world in range(6):
        table, _ = search(Aim(("train_loss",), 0.2, 10), world=world)
        optimum = standing(table, "train_loss", OPTIONS).optimum
        off.append(abs(math.log2(optimum.lr) - valley.best))
        held.append(optimum.interval[0] <= 2**valley.best <= optimum.interval[1])
        runs.append(len(table.hashes))
    assert np.mean(off) < 0.2, "octaves; a seed's own valley is shifted by 0.3"
    assert np.mean(runs) < 320 / 4
    assert sum(held) >= 5


def test_it_ends_when_the_interval_is_as_narrow_as_asked(search):
    table, _ = search(Aim(("train_loss",), 0.4, 10), noise=0.004, shift=0.1)
    assert width(standing(table, "train_loss", OPTIONS).optimum) <= 0.4
    assert len(table.seeds) < 10


def test_seeds_go_to_the_neighbourhood_of_the_best_alone(search):
    table, _ = search(Aim(("train_loss",), 0.05, 8), noise=0.002, shift=0.3)
    found = standing(table, "train_loss", OPTIONS)
    assert found.counts.max() == 8
    assert (found.counts[found.rival] == 8).all()
    far = np.abs(table.octaves - table.octaves[found.optimum.index]) > 3
    assert (found.counts[far] <= 3).all()
    assert (found.low[far & ~table.diverged.any(axis=1)] > 0).all(), "dropped are those that are resolved to be worse"


def test_where_noise_hides_all_differences_nothing_is_dropped(search):
    flat = np.geomspace(1e-3, 1e-2, 4)
    table, _ = search(Aim(("train_loss",), 0.05, 5), noise=0.5, lrs=flat)
    inside = (table.lrs > 2e-3) & (table.lrs < 0.1)
    counts = table.ran.sum(axis=1)
    assert (counts[inside] == 5).mean() > 0.5


def test_the_budget_is_never_exceeded_and_used_as_far_as_a_step_fits(search):
    table, rounds = search(Aim(("train_loss",), 0.01, 10, budget=40))
    assert 30 <= len(table.hashes) <= 40
    free, _ = search(Aim(("train_loss",), 0.01, 10))
    assert len(free.hashes) > 40
    assert rounds[0] == {float(lr): (0, 1) for lr in COARSE}


def test_the_edge_is_bracketed_to_the_precision_and_has_an_interval(search, valley):
    table, _ = search(Aim(("train_loss",), 0.2, 5, edge=True), noise=0.004)
    edge = find_edge(table, OPTIONS)
    assert edge.lower < 2**valley.cliff < edge.upper
    assert edge.upper / edge.lower <= 10**0.2 * (1 + 1e-9)
    assert 0 < edge.interval[0] <= edge.lower < edge.upper <= edge.interval[1] < math.inf
    assert len(edge.seed_lower) >= 3


def test_a_best_at_the_end_of_the_grid_has_the_grid_extended(search, valley):
    table, rounds = search(Aim(("train_loss",), 0.2, 5), lrs=np.geomspace(1e-4, 3e-3, 4))
    assert max(rounds[1]) > 3e-3
    assert abs(math.log2(standing(table, "train_loss", OPTIONS).optimum.lr) - valley.best) < 0.6


def test_no_run_is_asked_for_twice_and_seeds_have_no_gaps(search):
    table, rounds = search(Aim(("train_loss",), 0.1, 7))
    asked = [(lr, seed) for cells in rounds for lr, seeds in cells.items() for seed in seeds]
    assert len(asked) == len(set(asked)) == len(table.hashes)
    for row in table.ran:
        assert row[: row.sum()].all()


def test_a_best_at_the_end_of_what_may_be_tried_gets_three_seeds_and_no_more(search):
    table, _ = search(Aim(("train_loss",), 0.1, 10), lrs=np.geomspace(1e-9, 1e-8, 4))
    assert standing(table, "train_loss", OPTIONS).optimum.at_end is not None
    assert len(table.seeds) == 3
