"""The presets against torch's own schedulers, step by step."""

from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler as theirs
from torch.optim.lr_scheduler import LRScheduler

from etude.core.schedule import Schedule
from etude.schedules import presets_torch as ours

STEPS = 60
Make = Callable[[torch.optim.Optimizer], LRScheduler]


def optimizer(lr: float = 0.3) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1)], lr=lr, momentum=0.9)


def torch_plays(make: Make, steps: int = STEPS) -> tuple[list[float], list[float]]:
    """Learning rates and momenta that torch's scheduler trains with."""
    mine = optimizer()
    scheduler = make(mine)
    lrs, momenta = [], []
    for _ in range(steps):
        lrs.append(mine.param_groups[0]["lr"])
        momenta.append(mine.param_groups[0]["momentum"])
        mine.step()
        scheduler.step()
    return lrs, momenta


def played(schedule: Schedule, peak: float = 0.3) -> list[float]:
    return [peak * schedule(t) for t in range(schedule.steps)]


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (ours.step_lr(STEPS, 7, 0.5), lambda o: theirs.StepLR(o, 7, 0.5)),
        (ours.step_lr(STEPS, 100), lambda o: theirs.StepLR(o, 100)),
        (ours.multi_step_lr(STEPS, [30, 10, 10], 0.3), lambda o: theirs.MultiStepLR(o, [30, 10, 10], 0.3)),
        (ours.constant_lr(STEPS), lambda o: theirs.ConstantLR(o)),
        (ours.constant_lr(STEPS, 0.2, 90), lambda o: theirs.ConstantLR(o, 0.2, 90)),
        (ours.constant_lr(STEPS, 0.2, 0), lambda o: theirs.ConstantLR(o, 0.2, 0)),
        (ours.linear_lr(STEPS, 0.5, 1.0, 0), lambda o: theirs.LinearLR(o, 0.5, 1.0, 0)),
        (ours.polynomial_lr(STEPS, 0), lambda o: theirs.PolynomialLR(o, 0)),
        (ours.linear_lr(STEPS), lambda o: theirs.LinearLR(o)),
        (ours.linear_lr(STEPS, 1.0, 0.0, 40), lambda o: theirs.LinearLR(o, 1.0, 0.0, 40)),
        (ours.linear_lr(STEPS, 0.1, 0.7, 60), lambda o: theirs.LinearLR(o, 0.1, 0.7, 60)),
        (ours.exponential_lr(STEPS, 0.93), lambda o: theirs.ExponentialLR(o, 0.93)),
        (ours.polynomial_lr(STEPS, 40, 2.0), lambda o: theirs.PolynomialLR(o, 40, 2.0)),
        (ours.polynomial_lr(STEPS, 80, 0.5), lambda o: theirs.PolynomialLR(o, 80, 0.5)),
        (ours.cosine_annealing_lr(STEPS, 80), lambda o: theirs.CosineAnnealingLR(o, 80)),
        (ours.cosine_annealing_lr(STEPS, 17, 0.1), lambda o: theirs.CosineAnnealingLR(o, 17, 0.03)),
        (ours.cosine_annealing_lr(STEPS, 1), lambda o: theirs.CosineAnnealingLR(o, 1)),
        (ours.cosine_annealing_warm_restarts(STEPS, 7), lambda o: theirs.CosineAnnealingWarmRestarts(o, 7)),
        (
            ours.cosine_annealing_warm_restarts(STEPS, 5, 3, 0.1),
            lambda o: theirs.CosineAnnealingWarmRestarts(o, 5, 3, 0.03),
        ),
    ],
)
def test_a_preset_has_torchs_learning_rate_at_every_step(schedule: Schedule, make: Make) -> None:
    # The recursive forms of torch drift by rounding; near a zero that is all that is left of them.
    assert played(schedule) == pytest.approx(torch_plays(make)[0], rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(
    ("mode", "up", "down", "gamma"),
    [("triangular", 4, None, 1.0), ("triangular2", 5, 3, 1.0), ("exp_range", 3, 8, 0.97), ("triangular", 1, 1, 1.0)],
)
def test_cycles_have_torchs_learning_rate_and_momentum(mode, up, down, gamma) -> None:
    lrs, momenta = torch_plays(lambda o: theirs.CyclicLR(o, 0.06, 0.3, up, down, mode, gamma))
    cycle = ours.cyclic_lr(STEPS, 0.2, up, down, mode, gamma)
    assert played(cycle) == pytest.approx(lrs, rel=1e-12)
    assert played(ours.cyclic_momentum(cycle), 0.9) == pytest.approx(momenta, rel=1e-12)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize(("steps", "pct"), [(60, 0.3), (37, 0.25), (11, 0.41), (200, 0.05)])
def test_one_cycle_has_torchs_learning_rate_and_momentum(steps, pct, anneal, three_phase) -> None:
    def make(o: torch.optim.Optimizer) -> LRScheduler:
        return theirs.OneCycleLR(
            o,
            0.3,
            steps,
            pct_start=pct,
            anneal_strategy=anneal,
            div_factor=20,
            final_div_factor=1e3,
            three_phase=three_phase,
        )

    lrs, momenta = torch_plays(make, steps)
    schedule = ours.one_cycle_lr(steps, pct, anneal, 20, 1e3, three_phase=three_phase)
    assert played(schedule) == pytest.approx(lrs, rel=1e-11)
    momentum = ours.one_cycle_lr_momentum(steps, pct, anneal, three_phase=three_phase)
    assert played(momentum, 0.95) == pytest.approx(momenta, rel=1e-12)


def test_a_preset_is_as_long_as_the_run_even_where_torchs_segment_is_longer() -> None:
    assert ours.linear_lr(3, total_iters=50).steps == 3
    assert ours.constant_lr(3, total_iters=0).steps == 3
    assert ours.cosine_annealing_lr(3, T_max=50).steps == 3
