"""The families that fall or wave: closed forms at the edges, laws, storage, refusals."""

import math
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.record import from_plain, to_plain
from etude.core.schedule import Schedule
from etude.schedules import (
    Cosine,
    CosineRestarts,
    CosineWarmup,
    Cyclical,
    Exponential,
    ExponentialWarmup,
    GeometricWarmup,
    InverseCycle,
    InverseSqrt,
    InverseTime,
    Linear,
    MultiStep,
    Noam,
    Points,
    Polynomial,
    PowerCooldown,
    RectifiedWarmup,
    Rex,
    Step,
    Tabulated,
    cooldown,
    noam_peak,
    one_cycle,
    one_cycle_momentum,
    tabulate,
    wsd,
)

EVERY_FAMILY: list[Schedule] = [
    Step(7, 2, 0.5),
    MultiStep(7, (2, 5), 0.5),
    Exponential(7, 0.5, 2.5),
    Exponential(7, 0.5, 2.5, staircase=True),
    InverseTime(7, 2),
    InverseSqrt(7, 2),
    Noam(7, 3),
    Polynomial(1, 0.1, 7, 2),
    Polynomial(1, 0.1, 7, 2, 3),
    Cosine(1, 0.1, 7, 2),
    CosineRestarts(7, 2, 1.5, 0.5, 0.1, 2),
    PowerCooldown(1, 0, 7),
    Rex(1, 0, 7),
    Cyclical(7, 2, 3, 0.1, "exp_range", 0.9),
    InverseCycle(Cyclical(7, 2), 0.5),
    Points(7, (0, 2.5, 6), (0.1, 1, 0.2), "cosine"),
    Tabulated((1, 0.9, 0.5, 0.5, 0.3, 0.2, 0.1)),
    one_cycle(7),
    one_cycle_momentum(7),
    CosineWarmup(7),
    ExponentialWarmup(7, 2),
    GeometricWarmup(7),
    RectifiedWarmup(7),
    wsd(7, 2, 3),
]
steps_of = st.integers(1, 200)
shares = st.floats(0, 1)


def played(schedule: Schedule) -> list[float]:
    return [schedule(t) for t in range(schedule.steps)]


@pytest.mark.parametrize("schedule", EVERY_FAMILY, ids=lambda s: type(s).__name__)
def test_every_family_is_a_record_that_is_stored_pickled_and_says_nothing_outside_itself(schedule: Schedule) -> None:
    assert isinstance(schedule, Schedule)
    assert schedule.steps == 7
    assert all(math.isfinite(m) and m >= 0 for m in played(schedule))
    assert from_plain(to_plain(schedule)) == schedule == pickle.loads(pickle.dumps(schedule))
    assert hash(schedule) == hash(from_plain(to_plain(schedule)))
    for t in (-1, 7):
        with pytest.raises(SpecError, match=f"needs a step from 0 to 6, got {t}"):
            schedule(t)


@pytest.mark.parametrize("schedule", EVERY_FAMILY, ids=lambda s: type(s).__name__)
def test_no_family_trains_at_zero_unless_asked(schedule: Schedule) -> None:
    assert min(played(schedule)) > 0


def test_a_stair_changes_at_the_milestone_itself() -> None:
    assert played(Step(6, 2, 0.5)) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert played(MultiStep(6, (4, 1, 4), 0.5)) == [1, 0.5, 0.5, 0.5, 0.125, 0.125]
    assert played(MultiStep(3, (0, 9), 0.5)) == [0.5, 0.5, 0.5]


@given(st.integers(1, 60), st.integers(1, 30), st.floats(0.05, 1))
def test_the_three_ways_to_write_a_stair_agree(steps: int, every: int, factor: float) -> None:
    stair = played(Step(steps, every, factor))
    assert played(MultiStep(steps, tuple(range(every, steps, every)), factor)) == stair
    assert played(Exponential(steps, factor, every, staircase=True)) == stair


def test_an_exponential_has_its_factor_after_its_period() -> None:
    assert Exponential(101, 0.01, 100)(0) == 1
    assert Exponential(101, 0.01, 100)(50) == pytest.approx(0.1, rel=1e-15)
    assert Exponential(101, 0.01, 100)(100) == pytest.approx(0.01, rel=1e-15)


def test_inverse_time_halves_after_its_timescale_and_inverse_root_after_three() -> None:
    assert [InverseTime(31, 10)(t) for t in (0, 10, 30)] == [1, 0.5, 0.25]
    assert [InverseSqrt(31, 10)(t) for t in (0, 30)] == [1, 0.5]


@given(st.integers(1, 300), st.integers(1, 300))
def test_noam_peaks_at_one_where_its_warmup_ends(steps: int, warmup: int) -> None:
    values = played(Noam(steps, warmup))
    assert max(values) == (1.0 if warmup <= steps else steps / warmup)
    assert values.index(max(values)) == min(warmup, steps) - 1


def test_noams_peak_is_that_of_the_paper() -> None:
    paper = [512**-0.5 * min(n**-0.5, n * 4000**-1.5) for n in range(1, 9001)]
    assert noam_peak(512, 4000) == pytest.approx(max(paper), rel=1e-14)
    ours = [noam_peak(512, 4000) * m for m in played(Noam(9000, 4000))]
    assert ours == pytest.approx(paper, rel=1e-12)


@given(steps_of, st.floats(0.1, 5), st.floats(0, 2), st.floats(0, 2))
def test_a_polynomial_of_power_one_is_a_line_and_every_power_keeps_the_ends(
    steps: int, power: float, start: float, stop: float
) -> None:
    assert played(Polynomial(start, stop, steps)) == pytest.approx(played(Linear(start, stop, steps)), abs=1e-12)
    values = [*played(Polynomial(start, stop, steps, power)), stop]
    assert values[0] == pytest.approx(start, abs=1e-12)
    assert values == sorted(values, reverse=start > stop) or values == pytest.approx(sorted(values), abs=1e-9)


def test_a_polynomials_cycle_begins_lower_each_time_and_never_plays_its_stop() -> None:
    saw = Polynomial(1.0, 0.0, 9, 1.0, period=3)
    assert played(saw) == pytest.approx([1, 2 / 3, 1 / 3, 1 / 2, 1 / 3, 1 / 6, 1 / 3, 2 / 9, 1 / 9])


@given(steps_of, st.floats(0.2, 4))
def test_a_cosine_with_an_exponent_is_the_cosine_to_that_power(steps: int, exponent: float) -> None:
    assert played(Cosine(1, 0, steps, exponent)) == pytest.approx([m**exponent for m in played(Cosine(1, 0, steps))])


def test_a_cosines_floor_stays_the_floor_whatever_the_exponent() -> None:
    assert Cosine(1, 0.2, 100, 3)(50) == pytest.approx(0.2 + 0.8 / 8, rel=1e-14)


@pytest.mark.parametrize(
    ("first", "factor", "starts"), [(3, 2, [0, 3, 9, 21, 45]), (4, 1, [0, 4, 8, 12]), (2, 1.5, [0, 2, 5])]
)
def test_each_cycle_begins_at_its_peak_on_the_step_that_the_series_says(first, factor, starts) -> None:
    saw = CosineRestarts(50, first, factor, decay=0.5, floor=0.1)
    assert [saw(t) for t in starts] == pytest.approx([0.1 + 0.9 * 0.5**i for i in range(len(starts))], rel=1e-12)


@given(st.integers(1, 9), st.integers(1, 40))
def test_cycles_that_divide_a_run_begin_where_exact_arithmetic_says(cycles: int, steps: int) -> None:
    cycles = min(cycles, steps)
    saw = CosineRestarts(steps, steps / cycles)
    exact = [0.5 * (1 + math.cos(math.pi * float(Fraction(cycles * t, steps) % 1))) for t in range(steps)]
    assert played(saw) == pytest.approx(exact, abs=1e-9)


def test_after_the_last_cycle_the_floor_is_held() -> None:
    assert played(CosineRestarts(6, 2, floor=0.1, cycles=2))[4:] == [0.1, 0.1]


@pytest.mark.parametrize(
    ("shape", "middle"), [("linear", 0.5), ("cosine", 0.5), ("1-sqrt", 1 - math.sqrt(0.5)), ("1-square", 0.75)]
)
def test_a_cooldown_has_its_shapes_middle(shape: str, middle: float) -> None:
    assert cooldown(1, 0, 10, shape)(0) == 1
    assert cooldown(1, 0, 10, shape)(5) == pytest.approx(middle, rel=1e-14)
    assert cooldown(1, 0.2, 10, shape)(5) == pytest.approx(0.2 + 0.8 * middle, rel=1e-14)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.sampled_from(["linear", "1-sqrt", "1-square"]))
def test_a_trapezoid_has_its_lengths_and_no_jump_at_its_joins(warm: int, cool: int, stable: int, shape: str) -> None:
    values = played(wsd(warm + stable + cool, warm, cool, shape))
    assert len(values) == warm + stable + cool
    assert values[warm : warm + stable] == [1.0] * stable
    assert values == [min((t + 1) / warm, 1.0) if warm else 1.0 for t in range(warm + stable)] + values[warm + stable :]
    assert values[warm:] == sorted(values[warm:], reverse=True)


def test_rex_is_two_thirds_in_the_middle_and_above_the_line() -> None:
    assert Rex(1, 0, 10)(5) == pytest.approx(2 / 3)
    assert all(r >= m for r, m in zip(played(Rex(1, 0, 50)), played(Linear(1, 0, 50)), strict=True))


def test_triangles_meet_floor_and_peak_on_whole_steps() -> None:
    assert played(Cyclical(9, 2, 2, 0.2)) == pytest.approx([0.2, 0.6, 1, 0.6, 0.2, 0.6, 1, 0.6, 0.2])
    assert played(Cyclical(6, 1, 2, 0)) == pytest.approx([0, 1, 0.5, 0, 1, 0.5])
    assert Cyclical(100, 5, 5, 0.0, "triangular2")(25) == 0.25
    assert Cyclical(100, 5, 5, 0.0, "exp_range", 0.99)(25) == pytest.approx(0.99**25)


@given(steps_of, st.integers(1, 20), st.integers(1, 20), shares)
def test_momentum_is_lowest_where_the_learning_rate_is_highest(steps: int, up: int, down: int, low: float) -> None:
    cycle = Cyclical(steps, up, down, floor=0.0)
    for m, momentum in zip(played(cycle), played(InverseCycle(cycle, low)), strict=True):
        assert momentum == pytest.approx(1 - (1 - low) * m, abs=1e-12)


@given(steps_of, shares, st.sampled_from(["cosine", "linear"]))
def test_one_cycle_begins_peaks_and_ends_as_it_says(steps: int, rise: float, shape: str) -> None:
    cycle = one_cycle(steps, rise, 0.1, 0.001, shape)
    values = played(cycle)
    if steps == 1 or rise * steps <= 1:
        assert values[0] == 1
    else:
        assert values[0] == pytest.approx(0.1)
    assert values[-1] == pytest.approx(1.0 if steps == 1 or rise == 1 else 0.001)
    assert max(cycle.values) == 1
    assert 0 < min(values) <= max(values) <= 1 + 1e-12


def test_where_torchs_one_cycle_divides_by_zero_ours_begins_at_the_peak() -> None:
    import torch

    with pytest.raises(ZeroDivisionError):
        torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD([torch.zeros(1)], momentum=0.9), 1.0, 10, pct_start=0.1)
    assert one_cycle(10, 0.1)(0) == 1.0


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 2)), min_size=1, max_size=6), st.data())
def test_points_on_whole_steps_are_met_exactly_and_nothing_leaves_their_range(gaps, data) -> None:
    positions = [sum(gap for gap, _ in gaps[: i + 1]) for i in range(len(gaps))]
    values = [v for _, v in gaps]
    shape = data.draw(st.sampled_from(["linear", "cosine", "hold"]))
    drawn = Points(positions[-1] + 3, tuple(positions), tuple(values), shape)
    assert [drawn(x) for x in positions] == values
    assert drawn(0) == values[0]
    assert played(drawn)[-2:] == [values[-1]] * 2
    assert all(min(values) - 1e-12 <= m <= max(values) + 1e-12 for m in played(drawn))


def test_a_table_plays_what_it_was_given() -> None:
    assert played(tabulate([3.0, 1.5, 0.3], peak_lr=3.0)) == pytest.approx([1, 0.5, 0.1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step(5, 0), "needs every >= 1, got 0"),
        (lambda: Step(5, 2, -1), "needs factor >= 0 and finite, got -1"),
        (lambda: MultiStep(5, (-1,)), "needs milestones >= 0, got -1"),
        (lambda: MultiStep(5, (1.5,)), "needs milestones to be a whole number, got 1.5"),
        (lambda: Exponential(5, 0.0), "needs factor > 0 and finite, got 0.0"),
        (lambda: Exponential(5, 0.5, math.nan), "needs period > 0 and finite, got nan"),
        (lambda: Step(500, 1, 10), "a factor of 10 grows beyond every number in 499 times: lower it"),
        (lambda: MultiStep(5, (1, 2), 1e200), r"a factor of 1e\+200 grows beyond every number in 2 times"),
        (lambda: Exponential(5000, 2.0), "a factor of 2 grows beyond every number in 4999 times"),
        (lambda: InverseTime(5, 0), "needs timescale > 0 and finite, got 0"),
        (lambda: InverseSqrt(5, -1), "needs timescale > 0"),
        (lambda: Noam(5, 0), "needs warmup >= 1, got 0"),
        (lambda: Polynomial(1, 0, 5, 0), "needs power > 0"),
        (lambda: Polynomial(1, 0, 5, 1, 0), "needs period >= 1, got 0"),
        (lambda: Cosine(1, 0, 5, 0), "needs exponent > 0"),
        (lambda: CosineRestarts(5, 0), "needs first >= 1 and finite, got 0"),
        (lambda: CosineRestarts(5, 2, 0.5), "needs length_factor >= 1 and finite, got 0.5"),
        (lambda: CosineRestarts(5, 2, decay=0), "needs decay > 0"),
        (lambda: CosineRestarts(5, 2, decay=2), "needs 0 <= decay <= 1 and finite, got 2"),
        (lambda: CosineRestarts(5, 2, floor=1.5), "needs 0 <= floor <= 1"),
        (lambda: CosineRestarts(5, 2, cycles=0), "needs cycles >= 1, got 0"),
        (lambda: cooldown(1, 0, 5, "sqrt"), "needs shape to be one of linear, cosine, 1-sqrt, 1-square, got 'sqrt'"),
        (lambda: wsd(10, 6, 5), r"take 6 \+ 5 steps but the whole has 10: shorten one"),
        (lambda: wsd(10, -1, 5), "needs warmup and cooldown >= 0, got -1 and 5"),
        (lambda: Cyclical(5, 0), "needs up >= 1, got 0"),
        (lambda: Cyclical(5, 2, gamma=0.9), "gamma = 0.9 has no effect in mode triangular: use mode exp_range"),
        (lambda: Cyclical(5, 2, mode="tri"), "needs mode to be one of triangular, triangular2, exp_range, got 'tri'"),
        (lambda: one_cycle(10, 0.6, three_phase=True), "needs rise <= 0.5 with three phases, got 0.6"),
        (lambda: one_cycle(10, shape="hold"), "needs shape to be one of cosine, linear"),
        (lambda: Points(5, (), ()), "got 0 and 0: pair them"),
        (lambda: Points(5, (0, 1), (1,)), "got 2 and 1: pair them"),
        (lambda: Points(5, (2, 1), (1, 1)), "positions that increase"),
        (lambda: Tabulated(()), "needs steps >= 1, got 0"),
        (lambda: tabulate([0.0]), "needs peak_lr > 0"),
        (lambda: noam_peak(0, 10), "needs width >= 1, got 0"),
    ],
)
def test_what_makes_no_schedule_is_refused_with_the_value(make, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()
