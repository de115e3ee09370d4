"""The linter: each rule on a sick schedule and on its healthy twin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from etude.schedules.lint import lint


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
    assert "step 50 trains at a learning rate of 0, and so do 49 more" in remark.text


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
