"""Windows, longer and shorter plans, early cooldowns."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.record import from_plain, to_plain
from etude.core.schedule import Schedule
from etude.schedules import (
    Constant,
    Cosine,
    Linear,
    Stretched,
    Window,
    chain,
    cool_down_from,
    extend,
    shorten,
    warmup,
    window,
)

plans = st.one_of(
    st.builds(lambda n: Cosine(1.0, 0.1, n), st.integers(1, 40)),
    st.builds(lambda w, n: chain(warmup(w), Linear(1.0, 0.0, n)), st.integers(1, 9), st.integers(1, 40)),
    st.builds(Constant, st.integers(1, 40)),
)


def played(schedule: Schedule) -> list[float]:
    return [schedule(t) for t in range(schedule.steps)]


@given(plans, st.data())
def test_a_window_plays_what_a_slice_holds(plan: Schedule, data) -> None:
    start = data.draw(st.integers(0, plan.steps - 1))
    stop = data.draw(st.integers(start + 1, plan.steps))
    assert played(window(plan, start, stop)) == played(plan)[start:stop]


@given(plans, st.data())
def test_a_new_horizon_keeps_the_past_and_the_present_and_comes_to_the_same_end(plan: Schedule, data) -> None:
    at = data.draw(st.integers(0, plan.steps - 1))
    steps = data.draw(st.integers(at + 1, 3 * plan.steps).filter(lambda n: n != plan.steps))
    new = (extend if steps > plan.steps else shorten)(plan, at, steps)
    assert new.steps == steps
    assert played(new)[: at + 1] == pytest.approx(played(plan)[: at + 1], rel=1e-12)
    rest = played(plan)[at:]
    assert all(min(rest) - 1e-12 <= m <= max(rest) + 1e-12 for m in played(new)[at:])
    if steps > plan.steps:
        assert new(steps - 1) == pytest.approx(plan(plan.steps - 1), rel=1e-12)


@given(plans, st.data())
def test_an_extended_plan_has_no_jump_that_the_plan_had_not(plan: Schedule, data) -> None:
    at = data.draw(st.integers(0, plan.steps - 1))
    new = played(extend(plan, at, 2 * plan.steps))
    old = played(plan)
    stride = max((abs(a - b) for a, b in itertools.pairwise(old)), default=0.0)
    assert all(abs(a - b) <= stride + 1e-12 for a, b in itertools.pairwise(new))


def test_a_line_stays_a_line_when_stretched() -> None:
    assert played(Stretched(Linear(1.0, 0.0, 10), 0, 20))[:19] == pytest.approx([1 - t / 20 for t in range(19)])


@given(plans, st.integers(1, 20), st.sampled_from(["linear", "cosine", "1-sqrt", "1-square"]), st.data())
def test_a_cooldown_begins_at_the_planned_multiplier_and_falls_from_there(plan, steps, shape, data) -> None:
    at = data.draw(st.integers(0, plan.steps))
    early = cool_down_from(plan, at, steps, shape)
    assert early.steps == at + steps
    assert played(early)[:at] == played(plan)[:at]
    assert early(at) == pytest.approx(plan(min(at, plan.steps - 1)))
    assert played(early)[at:] == sorted(played(early)[at:], reverse=True)


def test_new_plans_survive_storage() -> None:
    plan = chain(warmup(3), Cosine(1, 0, 9))
    for new in (extend(plan, 5, 30), shorten(plan, 5, 8), cool_down_from(plan, 5, 4)):
        assert from_plain(to_plain(new)) == new


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: extend(p, 3, 10), "needs more than 10 steps to extend to, got 10: use shorten"),
        (lambda p: shorten(p, 3, 10), "needs fewer than 10 steps to shorten to, got 10: use extend"),
        (lambda p: extend(p, 10, 20), "needs a step from 0 to 9 to plan anew from, got 10"),
        (lambda p: shorten(p, 5, 5), "needs a step from 0 to 4 to plan anew from, got 5"),
        (lambda p: cool_down_from(p, 11, 5), "needs a step from 0 to 10 to cool down from, got 11: extend the plan"),
        (lambda p: cool_down_from(p, 5, 0), "needs steps >= 1, got 0"),
        (lambda p: Window(p, 5, 6), "needs a window within 10 steps, got 5 to 11"),
        (lambda p: Stretched(p, 10, 6), "needs a step from 0 to 9, got 10"),
    ],
)
def test_what_cannot_be_planned_is_refused(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make(Linear(1.0, 0.0, 10))
