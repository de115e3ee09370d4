"""The notation: what it means, and what it says when it means nothing."""

import contextlib
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.schedules import (
    Chain,
    Constant,
    Cosine,
    CosineRestarts,
    CosineWarmup,
    Cyclical,
    Exponential,
    ExponentialWarmup,
    GeometricWarmup,
    InverseSqrt,
    InverseTime,
    Linear,
    LinearWarmup,
    MultiStep,
    Noam,
    Points,
    Polynomial,
    PowerCooldown,
    RectifiedWarmup,
    Rex,
    Step,
    chain,
    one_cycle,
    parse_schedule,
    warmup,
    wsd,
)
from etude.schedules.kinds import KINDS


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("constant", Constant(200)),
        ("constant(at=0.5)", Constant(200, 0.5)),
        ("linear", Linear(1, 0, 200)),
        ("linear(to=0.1)", Linear(1, 0.1, 200)),
        ("linear(from=0.1, to=1)", Linear(0.1, 1, 200)),
        ("cosine", Cosine(1, 0, 200)),
        ("cosine(to=1e-2)", Cosine(1, 0.01, 200)),
        ("warmup(5%) > cosine", chain(warmup(10), Cosine(1, 0, 190))),
        ("warmup(100) > constant(25%) > linear(to=0)", chain(warmup(100), Constant(50), Linear(1, 0, 50))),
        ("cosine(50%) > cosine(50%)", chain(Cosine(1, 0, 100), Cosine(1, 0, 100))),
        ("cosine(to=.5,12.5%)>constant( at = .5 )", chain(Cosine(1, 0.5, 25), Constant(175, 0.5))),
        ("cosine(exponent=2)", Cosine(1, 0, 200, 2)),
        ("warmup(10%, shape=cosine) > rex(to=0.1)", chain(CosineWarmup(20), Rex(1, 0.1, 180))),
        ("warmup(10%, shape=geometric) > rex", chain(GeometricWarmup(20), Rex(1, 0, 180))),
        ("warmup(10%, shape=exponential) > rex", chain(ExponentialWarmup(20, 4), Rex(1, 0, 180))),
        ("untuned(beta2=0.9) > invsqrt(timescale=20)", chain(LinearWarmup(20), InverseSqrt(180, 20))),
        ("radam(beta2=0.9)", RectifiedWarmup(200, 0.9)),
        ("step(every=30%, by=0.5)", Step(200, 60, 0.5)),
        ("multistep(at=50%/150)", MultiStep(200, (100, 150), 0.1)),
        ("exponential(to=0.1)", Exponential(200, 0.1, 200)),
        ("inverse(timescale=5)", InverseTime(200, 5)),
        ("noam(warmup=8%)", Noam(200, 16)),
        ("polynomial(power=3, to=0.1)", Polynomial(1, 0.1, 200, 3)),
        ("polynomial(period=10%)", Polynomial(1, 0, 200, 2, 20)),
        ("restarts(first=10%, times=2)", CosineRestarts(200, 20, 2)),
        ("restarts(decay=.5, times=1.5, to=.1, cycles=2)", CosineRestarts(200, 20, 1.5, 0.5, 0.1, 2)),
        ("constant(80%) > cooldown(shape=1-square)", chain(Constant(160), PowerCooldown(1, 0, 40, 2))),
        ("wsd(warmup=5%, cooldown=20%, shape=1-sqrt)", wsd(200, 10, 40)),
        ("wsd(warmup=0, shape=linear, to=0.1)", chain(Constant(160), Linear(1, 0.1, 40))),
        ("cyclic(up=10, down=5, from=0.1)", Cyclical(200, 10, 5, 0.1)),
        ("cyclic(mode=exp_range, gamma=0.99)", Cyclical(200, 20, None, 0.25, "exp_range", 0.99)),
        ("onecycle(pct=25%)", one_cycle(200, 0.25)),
        ("onecycle(pct=0.25, phases=3, shape=linear)", one_cycle(200, 0.25, shape="linear", three_phase=True)),
        ("points(at=0/50%/100%, values=0.1/1/0)", Points(200, (0, 100, 200), (0.1, 1, 0))),
    ],
)
def test_the_notation_means_what_it_says(text: str, schedule: object) -> None:
    assert parse_schedule(text, 200) == schedule


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.data())
def test_lengths_in_steps_are_kept_and_the_rest_is_taken(steps: list[int], data: st.DataObject) -> None:
    open_at = data.draw(st.integers(0, len(steps) - 1))
    text = " > ".join("linear" if i == open_at else f"linear({n})" for i, n in enumerate(steps))
    assert parse_schedule(text, sum(steps)) == chain(*(Linear(1, 0, n) for n in steps))


@given(st.integers(1, 98), st.integers(1, 98), st.integers(100, 10_000))
def test_percentages_add_up_on_every_horizon_and_no_boundary_is_off_by_more_than_half_a_step(
    first: int, second: int, horizon: int
) -> None:
    second = min(second, 99 - first)
    schedule = parse_schedule(f"warmup({first}%) > constant({second}%) > cosine({100 - first - second}%)", horizon)
    assert isinstance(schedule, Chain)
    assert schedule.steps == horizon
    a, b, _ = (part.steps for part in schedule.parts)
    assert abs(a - Fraction(first * horizon, 100)) <= Fraction(1, 2)
    assert abs(a + b - Fraction((first + second) * horizon, 100)) <= Fraction(1, 2)


def test_a_length_in_steps_stays_exact_beside_a_percentage_that_is_rounded() -> None:
    schedule = parse_schedule("warmup(33%) > constant(7) > linear", 101)
    assert isinstance(schedule, Chain)
    assert [part.steps for part in schedule.parts] == [33, 7, 61]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected a segment \(constant, linear, cosine, warmup, .*\), but the text ends"),
        ("cosin", r"unknown segment 'cosin' \(character 1\): did you mean 'cosine'"),
        ("warmup(5%) > Linaer", r"unknown segment 'Linaer' \(character 14\): did you mean 'linear'"),
        ("xyz", r"unknown segment 'xyz' \(character 1\): known are constant"),
        ("linear(tp=1)", r"unknown option of 'linear' 'tp' \(character 8\): did you mean 'to'"),
        ("warmup(to=1)", r"unknown option of 'warmup' 'to' \(character 8\): known are shape"),
        ("linear(to 1)", "expected '=' after 'to', got '1' at character 11"),
        ("linear(to=x)", "expected a number for 'to', got 'x' at character 11"),
        ("linear(to=5%)", r"'to' is a multiplier of the peak learning rate but got 5% \(character 11\)"),
        ("linear(", "expected a length or an option, but the text ends"),
        ("linear(5% to=1)", r"expected ',' or '\)', got 'to' at character 11"),
        ("linear(to=1,to=1)", r"two values of 'to' \(character 13\)"),
        ("linear(5,5%)", r"two values of 'length' \(character 10\)"),
        ("linear cosine", "expected '>' and another segment, or the end, got 'cosine' at character 8"),
        ("linear >", "expected a segment .* but the text ends"),
        ("linear; cosine", "got ';' at character 7"),
        ("linear(2.5)", r"whole number of steps, a percentage .* epochs, got '2.5' \(character 8\)"),
        ("linear(-5)", r"got '-5' \(character 8\)"),
        (f"linear({'9' * 5000})", "a length is a whole number"),
        ("linear(to=-1)", "needs stop >= 0 and finite, got -1"),
        ("linear(to=1e999)", "needs stop >= 0 and finite, got inf"),
        ("linear > cosine", r"'linear' \(character 1\) and 'cosine' \(character 10\) do"),
        ("linear(50%)", "add up to 100 steps but the horizon is 200: leave one length out"),
        ("linear(120) > linear(50%)", "add up to 220 steps but the horizon is 200"),
        ("linear(33.3%)", "add up to 66.6 steps"),
        ("linear(200) > cosine", r"take 200 of 200 steps and leave none for 'cosine' \(character 15\)"),
        ("warmup(0) > cosine", r"'warmup' \(character 1\) would be 0 steps long"),
        ("warmup(0.1%) > cosine", "would be 0.2 steps long and get no whole step: leave the segment out"),
        ("step(every=x)", "expected a number for 'every', got 'x' at character 12"),
        ("step(every=2.5)", r"a length is a whole number of steps, .* got '2.5' \(character 12\)"),
        ("step(every=0.1%)", r"'every' \(character 12\) would be 0.2 steps long and get no whole step"),
        ("step(every=0)", "needs every >= 1, got 0"),
        ("step(by=10%)", r"'by' is a multiplier of the peak learning rate but got 10% \(character 9\)"),
        ("step(by=0.1/0.2)", r"expected ',' or '\)', got '/' at character 12"),
        ("cosine(exponent=5%)", r"'exponent' is a plain number but got 5%"),
        ("restarts(cycles=1.5)", r"'cycles' is a whole number but got 1.5 \(character 17\)"),
        (
            "wsd(shape=1-sqr)",
            r"unknown shape '1-sqr' \(character 11\): did you mean '1-sqrt'\? known are linear, cosine",
        ),
        ("wsd(warmup=60%, cooldown=50%)", r"take 120 \+ 100 steps but the whole has 200"),
        ("cyclic(mode=triangle)", "unknown mode 'triangle' .* did you mean 'triangular'"),
        ("cyclic(gamma=0.9)", "gamma = 0.9 has no effect in mode triangular"),
        ("onecycle(pct=x)", "expected a number for 'pct', got 'x' at character 14"),
        ("onecycle(phases=4)", "unknown phases '4' .* known are 2, 3"),
        ("onecycle(pct=)", r"expected a value for 'pct', got '\)' at character 14"),
        ("points(at=0/50%, values=1)", "needs as many values as positions"),
        ("points(at=50%/0, values=1/0)", "needs positions that increase"),
        (
            "untuned(5%) > cosine",
            r"'untuned' \(character 1\) has a length of its own, from beta2: leave the length out",
        ),
        ("untuned > cosine", "take 2000 of 200 steps and leave none for 'cosine'"),
        ("__import__('os')", r"unknown segment '__import__' \(character 1\)"),
    ],
)
def test_what_cannot_be_read_is_answered_with_place_and_remedy(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_schedule(text, 200)


def test_a_horizon_without_steps_is_refused() -> None:
    with pytest.raises(SpecError, match="needs horizon >= 1, got 0"):
        parse_schedule("cosine", 0)


@given(st.text("colsinearwmupt ()>=,.%0123456789eE+-", max_size=30), st.integers(1, 50))
def test_any_text_gives_a_schedule_of_the_horizon_or_a_spec_error(text: str, horizon: int) -> None:
    with contextlib.suppress(SpecError):
        assert parse_schedule(text, horizon).steps == horizon


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_name_means_something_by_itself(name: str) -> None:
    whole = parse_schedule(name if name != "untuned" else "untuned > cosine", 4000)
    assert whole.steps == 4000
    assert max(whole(t) for t in range(4000)) == pytest.approx(1.0, rel=0.05)  # radam only approaches it


numbers = st.sampled_from(
    [
        "0",
        "1",
        "0.5",
        "1e-3",
        "2",
        "3",
        "7",
        "1e9",
        "-1",
        "5%",
        "30%",
        "100%",
        "250%",
        "1e308",
        "0.9999",
        "2ep",
        "0.5ep",
    ]
)
words = st.sampled_from(
    ["linear", "cosine", "hold", "1-sqrt", "1-square", "exp_range", "triangular2", "exponential", "2", "3"]
)


@given(st.data(), st.sampled_from(sorted(KINDS)), st.integers(1, 400))
def test_any_options_give_a_schedule_that_can_be_played_or_a_spec_error(data, name: str, horizon: int) -> None:
    value = st.one_of(numbers, words, st.lists(numbers, min_size=1, max_size=4).map("/".join))
    chosen = data.draw(st.lists(st.sampled_from(sorted(KINDS[name].options)), unique=True, max_size=3))
    text = f"{name}({', '.join(f'{option}={data.draw(value)}' for option in chosen)})" if chosen else name
    with contextlib.suppress(SpecError):
        whole = parse_schedule(text, horizon, epoch=7)
        assert all(math.isfinite(whole(t)) and whole(t) >= 0 for t in range(horizon)), text


@pytest.mark.parametrize(
    ("in_epochs", "in_steps"),
    [
        ("warmup(2ep) > cosine", "warmup(50) > cosine"),
        ("warmup(0.5ep) > cosine", "warmup(13) > cosine"),  # 12.5, half a step up
        ("multistep(at=1.2ep/3ep/30%)", "multistep(at=30/75/30%)"),
        ("wsd(warmup=1ep, cooldown=20%)", "wsd(warmup=25, cooldown=20%)"),
        ("constant(5%) > linear(1ep) > cosine(to=0.1)", "constant(5%) > linear(25) > cosine(to=0.1)"),
    ],
)
def test_a_length_in_epochs_is_that_many_times_an_epochs_steps(in_epochs: str, in_steps: str) -> None:
    assert parse_schedule(in_epochs, 200, epoch=25) == parse_schedule(in_steps, 200)


@pytest.mark.parametrize(
    ("text", "epoch", "message"),
    [
        ("warmup(2ep) > cosine", None, r"'2ep' \(character 8\) is in epochs, .* unknown here: say how many they are"),
        ("multistep(at=30ep/60ep)", None, r"'30ep' \(character 14\) is in epochs"),
        ("warmup(2ep) > cosine", 0, r"needs steps of an epoch >= 1, got 0: divide"),
        ("warmup(90ep) > cosine", 10, "take 900 of 200 steps and leave none for 'cosine'"),
        ("warmup(0.01ep) > cosine", 10, "would be 0.1 steps long and get no whole step"),
        ("cosine(to=2ep)", 10, r"'to' is a multiplier of the peak learning rate but got 2ep \(character 11\)"),
        ("onecycle(pct=2ep)", 10, r"'pct' is a share of its segment but got 2ep \(character 14\)"),
        ("warmup(2epochs) > cosine", 10, "expected ',' or '\\)', got 'epochs'"),
        ("warmup(-2ep) > cosine", 10, "got '-2ep'"),
    ],
)
def test_what_is_wrong_about_epochs_is_said(text: str, epoch: int | None, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_schedule(text, 200, epoch)
