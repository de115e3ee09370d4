"""What a warm-up allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.analysis.warmup import bracket_ceiling, find_ceiling, half_way, peak_shifts, step_lengths

LRS = np.geomspace(0.01, 10, 37)


def rising(make_run, ceilings):
    """A sweep in which every seed's loss rises beyond η = 0.03 and passes 1.25, half of the descent, at its own ceiling."""
    runs = []
    for lr in LRS:
        for seed, ceiling in enumerate(ceilings):
            loss = min(2.0, 0.5 + 0.75 * max(0.0, np.log(lr / 0.03) / np.log(ceiling / 0.03)))
            runs.append(make_run(lr, seed, {"train_loss": loss}, {"train_loss": 2.0}))
    return SweepTable.of(runs)


EDGES = np.array([0.1, 0.13, 0.09, 0.11, 0.12])


def shift(make_run, without, with_):
    tables = {"without": rising(make_run, without), "with": rising(make_run, with_)}
    (found,) = peak_shifts(tables, "without", "train_loss", SweepOptions())
    return found


def test_half_way_is_one_level_for_all_arms(make_run):
    tables = {"a": rising(make_run, EDGES), "b": rising(make_run, 4 * EDGES)}
    assert half_way(tables, "train_loss") == pytest.approx(1.25)


def test_every_seed_has_its_ceiling_between_two_learning_rates_that_ran(make_run):
    found = find_ceiling(rising(make_run, EDGES), "train_loss", 1.25, SweepOptions())
    assert (found.lower <= EDGES * (1 + 1e-9)).all()
    assert (found.upper * (1 + 1e-9) >= EDGES).all()
    assert found.interval[0] < found.estimate < found.interval[1]
    assert found.estimate == pytest.approx(np.exp(np.log(EDGES).mean()), rel=0.1)


def test_a_ceiling_four_times_as_high_is_two_octaves_further(make_run):
    found = shift(make_run, EDGES, 4 * EDGES)
    assert found.name == "with"
    assert found.interval[0] < 2 < found.interval[1]
    assert found.octaves == pytest.approx(2, abs=0.28)
    assert found.corrected < 0.05


def test_equal_ceilings_are_not_told_apart_whatever_the_grid(make_run):
    found = shift(make_run, EDGES, 1.02 * EDGES)
    assert found.corrected > 0.05
    assert found.interval[0] < 0 < found.interval[1]


def test_an_open_ceiling_allows_no_number(make_run):
    found = shift(make_run, EDGES, np.full(5, 1e9))
    assert np.isnan(found.octaves)
    assert found.interval == (-np.inf, np.inf)


def test_the_bracket_of_the_ceiling_is_narrowed_until_it_is_narrow_enough(make_run):
    options, lrs = SweepOptions(edge_ratio=1.25, lr_range=(0.01, 0.1)), [0.01, 0.03, 0.1]
    for _ in range(12):
        runs = [
            make_run(lr, seed, {"train_loss": 0.5 if lr <= 0.7 else 2.0}, {"train_loss": 2.0})
            for lr in lrs
            for seed in range(3)
        ]
        further = bracket_ceiling(SweepTable.of(runs), "train_loss", 1.25, options)
        if not further.lrs:
            break
        lrs = sorted([*lrs, *further.lrs])
    below, above = max(lr for lr in lrs if lr <= 0.7), min(lr for lr in lrs if lr > 0.7)
    assert above / below <= 1.25 * (1 + 1e-6)
    assert len(lrs) <= 12


def test_the_grid_is_extended_while_a_single_seed_still_trains_at_its_end(make_run):
    runs = [
        make_run(lr, seed, {"train_loss": 0.5 if lr <= 0.1 or seed == 2 else 2.0}, {"train_loss": 2.0})
        for lr in (0.01, 0.1, 1.0)
        for seed in range(5)
    ]
    further = bracket_ceiling(SweepTable.of(runs), "train_loss", 1.25, SweepOptions(lr_range=(0.01, 1.0)))
    assert further.lrs == pytest.approx((10.0, 100.0))


@given(scale=st.floats(1e-6, 1e6), rate=st.floats(1e-6, 10))
def test_step_lengths_have_no_unit(scale, rate):
    norms = np.array([[9.0, 4.0, 1.0, 1.0, 1.0, 1.0], [4.0, 1.5, 1.0, 1.0, 1.0, 1.0]])
    found = step_lengths(scale * rate * norms, np.full(6, rate), 0.95)
    assert found.first == pytest.approx(6.0)
    assert found.settled == pytest.approx(1.5)
    assert found.interval[0] < 6 < found.interval[1]


def test_a_decaying_learning_rate_is_divided_out():
    rates = np.geomspace(1, 1e-3, 50)
    found = step_lengths(np.tile(3 * rates, (3, 1)), rates, 0.95)
    assert found.ratio == pytest.approx(np.ones((3, 50)))
