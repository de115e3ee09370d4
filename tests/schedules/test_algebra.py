"""The laws of chain, repeat, scale, product and clip."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.record import from_plain, to_plain
from etude.core.schedule import Schedule
from etude.schedules import (
    Chain,
    Clipped,
    Constant,
    Cosine,
    Linear,
    Product,
    Repeated,
    Scaled,
    chain,
    clip,
    product,
    repeat,
    scale,
    warmup,
)

lengths = st.integers(1, 12)
multipliers = st.floats(0, 2, allow_subnormal=False)
leaves = st.one_of(
    st.builds(Constant, lengths, multipliers),
    st.builds(Linear, multipliers, multipliers, lengths),
    st.builds(Cosine, multipliers, multipliers, lengths),
    st.builds(warmup, lengths),
)
schedules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(chain, inner, inner),
        st.builds(scale, inner, multipliers),
        st.builds(repeat, inner, st.integers(1, 3)),
    ),
    max_leaves=4,
)


def played(schedule: Schedule) -> list[float]:
    return [schedule(t) for t in range(schedule.steps)]


@given(st.lists(schedules, min_size=1, max_size=4))
def test_each_part_keeps_its_own_clock(parts: list[Schedule]) -> None:
    whole = chain(*parts)
    assert played(whole) == [part(t) for part in parts for t in range(part.steps)]
    assert whole.steps == sum(part.steps for part in parts)


@given(schedules, schedules, schedules)
def test_chain_is_associative(a: Schedule, b: Schedule, c: Schedule) -> None:
    assert chain(chain(a, b), c) == chain(a, chain(b, c)) == chain(a, b, c)


@given(schedules, schedules, multipliers)
def test_scale_distributes_over_chain(a: Schedule, b: Schedule, factor: float) -> None:
    assert scale(chain(a, b), factor) == chain(scale(a, factor), scale(b, factor))


@given(schedules, multipliers)
def test_scale_multiplies_every_value(schedule: Schedule, factor: float) -> None:
    assert played(scale(schedule, factor)) == [factor * m for m in played(schedule)]


@given(schedules, st.integers(1, 4))
def test_repeat_plays_what_a_chain_of_copies_plays(schedule: Schedule, times: int) -> None:
    assert played(repeat(schedule, times)) == played(chain(*[schedule] * times))


@given(st.integers(1, 10), st.data())
def test_product_multiplies_step_by_step(steps: int, data: st.DataObject) -> None:
    factors = [Constant(steps, data.draw(multipliers)), Linear(1, 0, steps), Cosine(1, 0.5, steps)]
    assert played(product(*factors)) == [math.prod(f(t) for f in factors) for t in range(steps)]


@given(schedules, multipliers, multipliers)
def test_clip_keeps_what_lies_within_and_moves_the_rest_to_the_bound(schedule: Schedule, a: float, b: float) -> None:
    low, high = sorted((a, b))
    for before, after in zip(played(schedule), played(clip(schedule, low, high)), strict=True):
        assert after == (before if low <= before <= high else low if before < low else high)


@given(schedules)
def test_clipping_twice_is_clipping_once(schedule: Schedule) -> None:
    assert played(clip(clip(schedule, 0.2, 0.8), 0.2, 0.8)) == played(clip(schedule, 0.2, 0.8))


@given(schedules)
def test_every_composition_survives_storage(schedule: Schedule) -> None:
    for composed in (schedule, clip(schedule, 0.1, 1.0), product(schedule, schedule)):
        assert from_plain(to_plain(composed)) == composed


@given(schedules)
def test_a_composition_says_nothing_outside_itself(schedule: Schedule) -> None:
    for composed in (schedule, clip(schedule, 0.1, 1.0), product(schedule, schedule)):
        for t in (-1, composed.steps):
            with pytest.raises(SpecError, match=f"got {t}: chain another segment"):
                composed(t)


def test_one_part_needs_no_chain_and_one_time_no_repetition() -> None:
    alone = Constant(3)
    assert chain(alone) is alone
    assert repeat(alone, 1) is alone


def test_one_line_warms_up_holds_and_cools_down() -> None:
    trapezoid = chain(warmup(2), Constant(2), Linear(1.0, 0.0, 2))
    assert played(trapezoid) == [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: chain(), "at least one schedule to chain, got none"),
        (lambda: chain(0.1), "needs a schedule, got 0.1: wrap a number"),
        (lambda: Chain((Constant(2),)), "two or more parts"),
        (lambda: Chain((Constant(2), Chain((Constant(1), Constant(1))))), "not chains themselves"),
        (lambda: repeat(Constant(2), 0), "needs times >= 1, got 0"),
        (lambda: Repeated(3, 2), "needs a schedule, got 3"),
        (lambda: scale(Constant(2), -1), "needs factor >= 0 and finite, got -1"),
        (lambda: Scaled(1, 1.0), "needs a schedule, got 1"),
        (lambda: product(Constant(2)), "two or more factors, got 1"),
        (lambda: Product((Constant(2), Constant(3))), r"factors of one length, got \[2, 3\] steps"),
        (lambda: clip(Constant(2), 0.5, 0.1), "needs low <= high, got 0.5 and 0.1: swap them"),
        (lambda: Clipped(Constant(2), math.nan, 1.0), "needs low >= 0 and finite, got nan"),
    ],
)
def test_what_cannot_be_composed_is_refused(make, message) -> None:
    with pytest.raises(SpecError, match=message):
        make()
