"""The linter: each rule on a sick schedule and on its healthy twin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.message import Message
from etude.core.schedule import Schedule
from etude.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Cyclical,
    Linear,
    chain,
    one_cycle,
    parse_schedule,
    repeat,
    scale,
    warmup,
    wsd,
)
from etude.schedules.lint import lint, steps_of_epoch


def rules(schedule: Schedule) -> list[str]:
    return [remark.rule for remark in lint(schedule)]


@pytest.mark.parametrize(
    ("sick", "healthy", "rule", "step"),
    [
        (chain(Linear(0, 1, 10), Cosine(1, 0, 90)), chain(warmup(10), Cosine(1, 0, 90)), "zero-step", 0),
        (chain(Linear(1, 0, 50), Constant(50, 0)), Linear(1, 0, 100), "zero-step", 50),
        (chain(warmup(10), Constant(90, 0.5)), chain(warmup(10), Constant(90)), "jump", 10),
        (repeat(Cosine(1, 0, 50), 2), chain(Cosine(1, 0.5, 50), Cosine(0.5, 0, 50)), "jump", 50),
        (CosineRestarts(80, 40, 2), CosineRestarts(120, 40, 2), "minimum", 79),
        (Linear(1, 0, 10), Linear(1, 0, 100), "minimum", 9),
        (scale(chain(warmup(2), Linear(1, 0, 10)), 0.5), scale(chain(warmup(2), Linear(1, 0, 40)), 0.5), "minimum", 11),
        (chain(warmup(60), Constant(40)), chain(warmup(50), Constant(50)), "warmup", 59),
        (one_cycle(100, 0.7), one_cycle(100, 0.3), "warmup", 69),
    ],
)
def test_a_rule_finds_what_is_sick_and_leaves_its_healthy_twin_alone(sick, healthy, rule: str, step: int) -> None:
    assert [(remark.rule, remark.step) for remark in lint(sick)] == [(rule, step)]
    assert rules(healthy) == []


def test_a_run_through_zero_says_how_often() -> None:
    (remark,) = lint(chain(Linear(1, 0, 50), Constant(50, 0)))
    assert remark.message == Message("schedule.lint.zero_and_more", {"step": 50, "more": 49})


def test_remarks_come_in_the_order_of_their_steps() -> None:
    sick = chain(Linear(0, 1, 60), Constant(40, 0.5))
    assert [(r.rule, r.step) for r in lint(sick)] == [("zero-step", 0), ("warmup", 59), ("jump", 60)]


def test_a_restart_that_is_meant_is_no_jump() -> None:
    assert "jump" not in rules(CosineRestarts(120, 40, 2))


@given(st.integers(40, 400), st.integers(0, 20), st.integers(0, 100), st.sampled_from(["linear", "cosine"]))
def test_an_ordinary_trapezoid_is_healthy(stable: int, warm: int, cool: int, shape: str) -> None:
    cool = 0 if cool < 40 else cool
    assert rules(wsd(stable + warm + cool, warm, cool, shape)) == []


def test_waves_that_end_high_never_reach_their_minimum_at_the_end() -> None:
    assert rules(Cyclical(81, 20)) == []
    assert rules(Cyclical(61, 20)) == ["minimum"]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_run_of_hardly_any_steps_can_be_looked_at(steps: int) -> None:
    lint(Constant(steps))
    lint(parse_schedule("cosine", steps))
    lint(warmup(steps))


def test_a_peak_beyond_the_edge_is_told_where_and_how_much_to_lower() -> None:
    plan = chain(warmup(10), Cosine(0.5, 0, 90))
    (remark,) = (r for r in lint(plan, peak=0.3, edge=0.25) if r.rule == "edge")
    assert remark.step == 9
    assert remark.message.values == {"lr": 0.3, "step": 9, "edge": 0.25, "most": 0.25}
    assert lint(scale(Linear(1, 0, 100), 0.5), peak=0.3, edge=0.25) == ()
    assert lint(Linear(1, 0, 100), peak=0.25, edge=0.25) == ()


def test_the_most_that_a_peak_may_be_allows_for_a_multiplier_that_is_not_one() -> None:
    plan = Constant(100, 0.5)
    (remark,) = lint(plan, peak=1.0, edge=0.25)
    assert lint(plan, peak=float(remark.message.values["most"]), edge=0.25) == ()


@pytest.mark.parametrize(
    ("steps", "epoch", "accumulate", "key", "step"),
    [
        (400, 100, 4, "batches", 100),  # 4 epochs of batches: their 100 updates end in the middle of the plan
        (400, 101, 4, None, None),  # 16 epochs of 25 updates
        (100, 100, 4, "batches", 25),
        (400, None, 4, "accumulate", 100),
        (400, None, 1, None, None),
        (3, None, 4, None, None),
        (300, 100, 1, None, None),
        (250, 100, 1, "epochs", 200),
        (99, 100, 1, "part_of_an_epoch", 98),
        (130, 100, 4, "epochs", 125),
    ],
)
def test_a_horizon_is_held_against_epochs_and_accumulation(
    steps: int, epoch: int | None, accumulate: int, key: str | None, step: int | None
) -> None:
    remarks = lint(Constant(steps), epoch=epoch, accumulate=accumulate)
    assert [(r.rule, r.step, r.message.key) for r in remarks] == (
        [("horizon", step, f"schedule.lint.{key}")] if key else []
    )


@given(st.integers(1, 500), st.integers(1, 200), st.integers(1, 9))
def test_a_plan_of_whole_epochs_of_updates_is_never_said_to_be_broken(
    epochs: int, batches: int, accumulate: int
) -> None:
    steps = min(epochs, 20) * steps_of_epoch(batches, accumulate)
    keys = {r.message.key for r in lint(Constant(steps), epoch=batches, accumulate=accumulate)}
    assert keys <= {"schedule.lint.batches"}
    assert (keys == set()) or steps % batches == 0


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"peak": 0.0}, "needs peak > 0"),
        ({"edge": -1.0}, "needs edge > 0"),
        ({"epoch": 0}, "needs epoch >= 1, got 0"),
        ({"accumulate": 0}, "needs accumulate >= 1, got 0"),
    ],
)
def test_a_context_that_makes_no_sense_is_refused(given_: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        lint(Constant(10), **given_)
