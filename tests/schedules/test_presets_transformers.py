"""The presets against the formulas of transformers' ``get_scheduler``, written out here with exact fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import presets_transformers as hf

sizes = st.tuples(st.integers(1, 80), st.integers(0, 100))


def plays(schedule: Schedule, steps: int, expected) -> None:
    assert schedule.steps == steps
    got = [schedule(t) for t in range(steps)]
    assert got == pytest.approx([float(expected(t)) for t in range(steps)], rel=1e-9, abs=1e-12)


def warmed(t: int, warmup: int, after):
    return Fraction(t, warmup) if t < warmup else after(t)


@given(sizes)
def test_constant_with_warmup(size) -> None:
    n, w = size
    plays(hf.constant(n), n, lambda t: 1)
    plays(hf.constant_with_warmup(n, w), n, lambda t: warmed(t, w, lambda t: 1))


@given(sizes)
def test_linear(size) -> None:
    n, w = size
    plays(hf.linear(n, w), n, lambda t: warmed(t, w, lambda t: max(Fraction(0), Fraction(n - t, max(1, n - w)))))


@given(sizes, st.floats(0, 0.9))
def test_cosine_and_its_floor(size, floor) -> None:
    n, w = size

    def wave(t: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * 2 * 0.5 * float(Fraction(t - w, max(1, n - w)))))

    plays(hf.cosine(n, w), n, lambda t: warmed(t, w, wave))
    plays(hf.cosine_with_min_lr(n, w, floor), n, lambda t: warmed(t, w, lambda t: wave(t) * (1 - floor) + floor))


@given(sizes, st.integers(1, 6))
def test_cosine_with_restarts(size, cycles) -> None:
    n, w = size
    cycles = min(cycles, max(n - w, 1))

    def wave(t: int) -> float:
        p = Fraction(t - w, max(1, n - w))
        return 0.0 if p >= 1 else 0.5 * (1 + math.cos(math.pi * float(cycles * p % 1)))

    plays(hf.cosine_with_restarts(n, w, cycles), n, lambda t: warmed(t, w, wave))


@given(sizes, st.floats(0.3, 3), st.floats(0, 0.5))
def test_polynomial(size, power, end) -> None:
    n, w = size

    def fall(t: int) -> float:
        return (1 - end) * float(1 - Fraction(t - w, n - w)) ** power + end

    plays(hf.polynomial(n, w, power, end), n, lambda t: warmed(t, w, fall))


@given(sizes, st.one_of(st.none(), st.integers(1, 50)))
def test_inverse_sqrt(size, timescale) -> None:
    n, w = size
    tau = timescale or w or 10_000
    plays(hf.inverse_sqrt(n, w, timescale), n, lambda t: warmed(t, w, lambda t: 1 / math.sqrt((t - w + tau) / tau)))


@given(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)).filter(any),
    st.sampled_from(["linear", "cosine", "1-sqrt"]),
    st.sampled_from(["linear", "cosine"]),
    st.floats(0, 0.9),
)
def test_warmup_stable_decay(lengths, shape, warmup_shape, floor) -> None:
    w, s, d = lengths

    def expected(t: int) -> float:
        if t < w:
            p = t / w
            return (p if warmup_shape == "linear" else 0.5 * (1 - math.cos(math.pi * p))) * (1 - floor) + floor
        if t < w + s:
            return 1.0
        p = (t - w - s) / d
        fall = {"linear": 1 - p, "cosine": 0.5 * (1 + math.cos(math.pi * p)), "1-sqrt": 1 - math.sqrt(p)}[shape]
        return fall * (1 - floor) + floor

    n = w + s + d
    plays(hf.warmup_stable_decay(n, w, d, shape, warmup_shape, floor), n, expected)


def test_phases_longer_than_the_run_and_cycles_shorter_than_a_step_are_refused() -> None:
    with pytest.raises(SpecError, match="take 11 steps but the run has 10"):
        hf.warmup_stable_decay(10, 5, 6)
    with pytest.raises(SpecError, match="needs at most 4 cycles"):
        hf.cosine_with_restarts(10, 6, 5)
