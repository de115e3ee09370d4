"""How runs are dealt into stacks."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from etude.core.spec import RunSpec, TaskRef
from etude.schedules import Constant, Cosine
from etude.studies.engines import deal
from etude.studies.shards import MOST_LANES, partition
from etude.training.engine import Engine
from etude.training.lanes import check_one_stack
from etude.training.rules import SGD, Adam

BASE = RunSpec(TaskRef("t", "f"), SGD(), Constant(20), 0.1, 20, 8, 0)
KINDS = (
    BASE,
    replace(BASE, schedule=Cosine(1.0, 0.0, 20)),
    replace(BASE, rule=SGD(momentum=0.9)),
    replace(BASE, rule=Adam()),
    replace(BASE, clip_norm=1.0),
    replace(BASE, batch_size=4),
    replace(BASE, steps=10, schedule=Constant(10)),
    replace(BASE, task=TaskRef("t", "g")),
)
DEALT = {"engine": Engine.STACK, "lanes_that_fit": 64, "at_once": 1}


def sweep(kind, lrs, seeds):
    return [replace(kind, peak_lr=lr, seed=seed) for lr in lrs for seed in range(seeds)]


@given(
    kinds=st.lists(st.sampled_from(range(len(KINDS))), min_size=1, max_size=5),
    lrs=st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=9, unique=True),
    seeds=st.integers(1, 4),
    fit=st.integers(1, 20),
)
def test_every_run_is_trained_once_in_a_stack_that_may_be_one(kinds, lrs, seeds, fit):
    new = {f"{i}": sweep(KINDS[kind], lrs, seeds) for i, kind in enumerate(kinds)}
    shards = deal(new, {name: DEALT | {"lanes_that_fit": fit} for name in new})
    dealt = [run.hash for shard in shards for run in shard.specs]
    assert sorted(dealt) == sorted({run.hash for own in new.values() for run in own})
    for shard in shards:
        check_one_stack(shard.specs)
        assert len(shard.specs) <= min(fit, MOST_LANES)
    assert shards == deal(new, {name: DEALT | {"lanes_that_fit": fit} for name in new})


def test_arms_that_differ_in_schedule_alone_fill_stacks_together():
    new = {"constant": sweep(KINDS[0], [0.1, 0.2], 5), "cosine": sweep(KINDS[1], [0.1, 0.3], 5)}
    shards = deal(new, dict.fromkeys(new, DEALT))
    assert [len(shard.specs) for shard in shards] == [4] * 5
    assert all({run.seed for run in shard.specs} == {i} for i, shard in enumerate(shards))


def test_equal_rules_stay_neighbours():
    runs = sweep(KINDS[2], [0.1, 0.2, 0.3], 1) + sweep(KINDS[0], [0.1, 0.2, 0.3], 1)
    for shard in partition(runs, Engine.STACK, 4, 1):
        rules = [run.rule for run in shard.specs]
        assert sum(a != b for a, b in itertools.pairwise(rules)) <= 1


def test_a_few_workers_all_have_something_to_do():
    assert len(partition(sweep(BASE, [0.1 * k for k in range(1, 9)], 1), Engine.STACK, 16, 1)) == 4
    assert len(partition(sweep(BASE, [0.1 * k for k in range(1, 9)], 1), Engine.STACK, 16, 8)) == 1
