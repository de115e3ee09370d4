"""Comparisons that spare runs: equal seeds, budgets, and whether comparing arms still is fair, on valleys that are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from etude.analysis.halving import FIRST_SEEDS, Aim, standing
from etude.analysis.halving_arms import Side, deciding, halve_arms
from etude.analysis.options import SweepOptions
from etude.analysis.race.forgiveness import forgiveness
from etude.analysis.race.pairs import compare
from etude.analysis.race.price import prices
from etude.analysis.race.tuned import tune
from etude.analysis.table import SweepTable

METRIC = "train_loss"
GRID = tuple(float(lr) for lr in np.geomspace(2**-12, 2**-1, 12))
OPTIONS = SweepOptions(lr_range=(GRID[0], GRID[-1]), resamples=100)
AIM = Aim((METRIC,), 0.3, 8, basin=True, spacing=0.5)
INITIAL = 2.3


class World:
    """Arms with valleys of their own; a run has the same loss whenever it is made."""

    def __init__(self, make_run, best, *, world=0, noise=0.01, level=0.02, floors=None):
        self.make_run, self.best, self.world, self.noise = make_run, best, world, noise
        self.made = {}
        self.floors = floors or dict.fromkeys(best, 0.4)
        rng = np.random.default_rng([7, world])
        self.levels, self.shifts = rng.normal(0, level, 64), rng.normal(0, 0.1, 64)

    def loss(self, name, lr, seed):
        x, place = math.log2(lr), list(self.best).index(name)
        own = np.random.default_rng([self.world, place, seed, round(1e6 * (x + 64))]).normal(0, self.noise)
        return self.truth(name, x - self.shifts[seed]) + self.levels[seed] + own

    def truth(self, name, x):
        return min(self.floors[name] + 0.03 * (x - self.best[name]) ** 2, 2.0)

    def run(self, name, lr, seed):
        if (name, lr, seed) not in self.made:
            loss, start = self.loss(name, lr, seed), INITIAL + self.levels[seed]
            spec, trace = self.make_run(lr, seed, {METRIC: loss}, {METRIC: start})
            self.made[name, lr, seed] = spec, replace(trace, spec_hash=f"{name} {spec.hash}")
        return self.made[name, lr, seed]

    def tables(self, cells):
        return {
            name: SweepTable.of([self.run(name, lr, seed) for lr, seeds in own.items() for seed in seeds])
            for name, own in cells.items()
        }

    def race(self, aims, budget=None):
        """Halve until nothing is asked for: the tables, and what every round asked for."""
        cells = {name: {lr: tuple(range(FIRST_SEEDS)) for lr in GRID} for name in aims}
        rounds = []
        while True:
            tables = self.tables(cells)
            plans = halve_arms({name: Side(tables[name], OPTIONS, aims[name]) for name in aims}, budget)
            if not any(plan.lrs for plan in plans.values()):
                return tables, rounds
            rounds.append({name: plan.seeds for name, plan in plans.items() if plan.lrs})
            for name, plan in plans.items():
                for lr, seeds in plan.seeds.items():
                    assert not set(seeds) & set(cells[name].get(lr, ())), "no run is asked for twice"
                    cells[name][lr] = (*cells[name].get(lr, ()), *seeds)


BEST = {"a": -7.0, "b": -5.3, "c": -3.4}
AIMS = dict.fromkeys(BEST, AIM)


@pytest.fixture
def world(make_run):
    return lambda **options: World(make_run, BEST, **options)


def test_all_arms_end_with_equal_seeds_at_what_may_be_their_best_and_far_fewer_runs(world):
    tables, rounds = world().race(AIMS)
    full = sum(table.ran.size for table in tables.values())
    assert {len(table.seeds) for table in tables.values()} == {AIM.seeds}
    for table in tables.values():
        counts = table.ran.sum(axis=1)
        assert (counts[deciding(Side(table, OPTIONS, AIM))] == AIM.seeds).all()
        dropped = counts < AIM.seeds
        assert (standing(table, METRIC, OPTIONS).low[dropped] > 0).all(), "dropped are those resolved to be worse"
    assert sum(len(table.hashes) for table in tables.values()) < 0.7 * full
    assert len(rounds) < 12


@pytest.mark.parametrize("budget", [72, 90, 118, 150, 200])
def test_no_budget_is_exceeded_and_seeds_are_equal_wherever_it_ends(world, budget):
    tables, _ = world(world=budget).race(AIMS, budget)
    assert sum(len(table.hashes) for table in tables.values()) <= budget
    assert len({tuple(table.seeds) for table in tables.values()}) == 1
    arms = tune(tables, METRIC, OPTIONS)
    assert {len(arm.tuned) for arm in arms} == {len(arms[0].table.seeds)}
    assert all(np.isfinite(arm.tuned).all() and np.isfinite(arm.held_out).all() for arm in arms)


def test_a_larger_budget_gives_no_fewer_seeds(world):
    levels = [len(world().race(AIMS, budget)[0]["a"].seeds) for budget in (80, 130, 180, None)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1] == AIM.seeds


@pytest.mark.parametrize("budget", [None, 140])
def test_the_order_of_the_arms_changes_nothing(world, budget):
    forward, _ = world().race(AIMS, budget)
    backward, _ = world().race(dict(reversed(AIMS.items())), budget)
    assert {name: set(table.hashes) for name, table in forward.items()} == {
        name: set(table.hashes) for name, table in backward.items()
    }


def test_what_the_question_names_and_arms_without_a_best_get_every_seed(world):
    far = GRID[1]
    aims = AIMS | {"b": Aim((METRIC,), 0.3, 8, asked=(far, 2**-20)), "c": Aim((), 0.3, 8, asked=GRID, fixed=True)}
    tables, _ = world().race(aims)
    asked = tables["b"]
    assert asked.ran[np.isin(asked.lrs, (far, 2**-20))].all()
    assert tables["c"].lrs.tolist() == list(GRID)
    assert tables["c"].ran.all()


def test_a_grid_that_arms_share_is_kept(world):
    tables, _ = world().race({"a": Aim((METRIC,), 0.3, 8, fixed=True), "b": AIM})
    assert tables["a"].lrs.tolist() == list(GRID)
    assert not tables["a"].ran.all()


def test_the_basin_and_prices_are_those_of_the_race_on_all_seeds(world):
    made = world(noise=0.004)
    tables, _ = made.race(AIMS)
    whole = made.tables({n: {float(lr): tuple(range(8)) for lr in t.lrs} for n, t in tables.items()})
    spared, full = (tune(t, METRIC, OPTIONS) for t in (tables, whole))
    assert [arm.lr for arm in spared] == [arm.lr for arm in full]
    for name, basin in forgiveness(spared, OPTIONS).basins.items():
        other = forgiveness(full, OPTIONS).basins[name]
        assert basin.left == pytest.approx(other.left, rel=0.05)
        assert basin.right == pytest.approx(other.right, rel=0.05)
        assert basin.width_interval == pytest.approx(other.width_interval, abs=0.3)
    some, every = prices(spared), prices(full)
    known = np.isfinite(some.regret)
    assert known.sum() >= len(BEST) + 2
    assert some.regret[known] == pytest.approx(every.regret[known], abs=0.05)
    assert ((some.low <= every.regret) & (every.regret <= some.high))[known].all()


def test_the_held_out_loss_stays_unbiased_and_intervals_of_differences_keep_their_coverage(make_run):
    """Against the truth at the learning rate that each seed is judged at, which dropping must not flatter."""
    bias, covered, flat = [], [], 0
    for number in range(12):
        made = World(make_run, {"a": -7.0, "b": -5.3}, world=number, noise=0.03, floors={"a": 0.4, "b": 0.44})
        tables, _ = made.race(dict.fromkeys(("a", "b"), Aim((METRIC,), 0.3, 6, basin=True, spacing=0.5)))
        arms = tune(tables, METRIC, OPTIONS)
        for arm in arms:
            expected = [made.truth(arm.name, math.log2(lr) - s) for lr, s in zip(arm.chosen, made.shifts, strict=False)]
            bias.append(float((arm.held_out - made.levels[:6] - expected).mean()))
        (pair,) = compare(arms)
        low, high = pair.interval if pair.first == "a" else (-pair.interval[1], -pair.interval[0])
        true = [made.truth(arm.name, math.log2(arm.lr) - s) for arm in arms for s in made.shifts[:6]]
        covered.append(low <= np.mean(true[6:]) - np.mean(true[:6]) <= high)
        flat += pair.resolved and pair.first == "b"
    error = np.std(bias, ddof=1) / math.sqrt(len(bias))
    assert abs(np.mean(bias)) < 3 * error + 0.002
    assert np.mean(covered) >= 0.9
    assert flat == 0
