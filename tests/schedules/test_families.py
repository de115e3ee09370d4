"""Constant, linear, cosine and warm-up against closed forms and against torch."""

import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler

from etude.core.errors import SpecError
from etude.core.record import content_hash, from_plain, to_plain
from etude.core.schedule import Schedule
from etude.schedules import Constant, Cosine, Linear, LinearWarmup, warmup

lengths = st.integers(1, 300)
values = st.floats(0, 10, allow_subnormal=False)


def played(schedule: Schedule) -> list[float]:
    return [schedule(t) for t in range(schedule.steps)]


def optimizer(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=lr)


def torch_lrs(scheduler: LRScheduler, steps: int) -> list[float]:
    lrs = []
    for _ in range(steps):
        lrs.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return lrs


def test_a_line_has_the_values_of_a_line() -> None:
    assert played(Linear(1.0, 0.0, 4)) == [1.0, 0.75, 0.5, 0.25]
    assert played(Linear(0.5, 1.5, 2)) == [0.5, 1.0]


def test_a_cosine_passes_the_known_points() -> None:
    half = math.sqrt(0.5)
    assert played(Cosine(1.0, 0.0, 4)) == pytest.approx([1.0, (1 + half) / 2, 0.5, (1 - half) / 2], rel=1e-15)
    assert Cosine(1.0, 0.2, 300)(100) == pytest.approx(0.8, rel=1e-15)  # cos 60° = 1/2


def test_a_warmup_starts_above_zero_and_ends_exactly_at_the_peak() -> None:
    assert played(warmup(4)) == [0.25, 0.5, 0.75, 1.0]
    assert played(warmup(1)) == [1.0]


@given(lengths)
def test_a_warmup_of_any_length_rises_to_exactly_one(steps: int) -> None:
    rise = played(warmup(steps))
    assert rise[0] > 0
    assert rise[-1] == 1.0
    assert rise == sorted(set(rise))


@given(lengths, values, values)
def test_a_decay_starts_at_its_start_and_never_reaches_its_stop(steps: int, a: float, b: float) -> None:
    for schedule in (Linear(a, b, steps), Cosine(a, b, steps)):
        assert schedule(0) == pytest.approx(a, rel=1e-12, abs=1e-12)
        assert all(min(a, b) - 1e-9 <= m <= max(a, b) + 1e-9 for m in played(schedule))


def test_a_decay_to_zero_spends_no_step_at_zero() -> None:
    assert min(played(Linear(1.0, 0.0, 1000))) > 0
    assert min(played(Cosine(1.0, 0.0, 1000))) > 0


@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_a_line_is_torchs_line_on_its_own_steps(steps: int) -> None:
    theirs = torch_lrs(LinearLR(optimizer(0.3), start_factor=0.9, end_factor=0.05, total_iters=steps), steps)
    assert [0.3 * m for m in played(Linear(0.9, 0.05, steps))] == pytest.approx(theirs, rel=1e-12)


def test_after_its_last_step_torchs_line_holds_the_stop_and_ours_has_nothing_to_say() -> None:
    theirs = torch_lrs(LinearLR(optimizer(1.0), start_factor=1.0, end_factor=0.5, total_iters=4), 6)
    assert theirs[4:] == pytest.approx([0.5, 0.5])
    with pytest.raises(SpecError, match="step from 0 to 3, got 4"):
        Linear(1.0, 0.5, 4)(4)


def test_torch_refuses_to_start_a_line_at_zero_and_ours_does_not() -> None:
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        LinearLR(optimizer(1.0), start_factor=0.0)
    assert Linear(0.0, 1.0, 2)(0) == 0.0


@pytest.mark.parametrize("steps", [2, 5, 64])
def test_a_warmup_is_torchs_line_from_one_stride_over_one_step_less(steps: int) -> None:
    theirs = torch_lrs(LinearLR(optimizer(1.0), start_factor=1 / steps, end_factor=1.0, total_iters=steps - 1), steps)
    assert played(warmup(steps)) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_a_cosine_is_torchs_cosine_on_its_own_steps(steps: int) -> None:
    theirs = torch_lrs(CosineAnnealingLR(optimizer(0.3), T_max=steps, eta_min=0.03), steps)
    assert [0.3 * m for m in played(Cosine(1.0, 0.1, steps))] == pytest.approx(theirs, rel=1e-9)


def test_after_its_last_step_torchs_cosine_rises_again_and_ours_has_nothing_to_say() -> None:
    theirs = torch_lrs(CosineAnnealingLR(optimizer(1.0), T_max=4), 9)
    assert theirs[4] == pytest.approx(0.0, abs=1e-12)
    assert theirs[8] == pytest.approx(1.0)
    with pytest.raises(SpecError, match="chain another segment"):
        Cosine(1.0, 0.0, 4)(4)


@pytest.mark.parametrize("schedule", [Constant(3), Linear(1, 0, 3), Cosine(1, 0, 3), LinearWarmup(3)])
def test_a_step_outside_is_refused(schedule: Schedule) -> None:
    for t in (-1, 3, 10**9):
        with pytest.raises(SpecError, match=f"needs a step from 0 to 2, got {t}"):
            schedule(t)


@pytest.mark.parametrize("steps", [0, -5])
def test_a_segment_without_steps_is_refused_with_the_remedy(steps: int) -> None:
    for make in (
        lambda: Constant(steps),
        lambda: Linear(1, 0, steps),
        lambda: Cosine(1, 0, steps),
        lambda: warmup(steps),
    ):
        with pytest.raises(SpecError, match=f"needs steps >= 1, got {steps}: leave the segment out"):
            make()


def test_a_length_that_is_not_whole_is_refused() -> None:
    with pytest.raises(SpecError, match=r"whole number, got 2\.5"):
        Constant(2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_multiplier_that_no_learning_rate_can_have_is_refused(bad: float) -> None:
    for make, name in [
        (lambda: Constant(2, bad), "value"),
        (lambda: Linear(bad, 1, 2), "start"),
        (lambda: Linear(1, bad, 2), "stop"),
        (lambda: Cosine(bad, 1, 2), "start"),
        (lambda: Cosine(1, bad, 2), "stop"),
    ]:
        with pytest.raises(SpecError, match=f"needs {name} >= 0 and finite, got {bad}"):
            make()


@pytest.mark.parametrize("schedule", [Constant(3, 0.5), Linear(1, 0, 3), Cosine(1, 0.1, 3), LinearWarmup(3)])
def test_a_schedule_survives_storage_and_pickling(schedule: Schedule) -> None:
    assert isinstance(schedule, Schedule)
    assert from_plain(to_plain(schedule)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert len({schedule, from_plain(to_plain(schedule))}) == 1


def test_equal_schedules_have_equal_hashes_however_their_numbers_were_written() -> None:
    assert content_hash(Constant(3, 1)) == content_hash(Constant(3, 1.0))
    assert content_hash(Linear(1, 0, 3)) == content_hash(Linear(1.0, -0.0, 3))
    assert content_hash(Constant(torch.tensor(3), 1)) == content_hash(Constant(3))  # type: ignore[arg-type]
