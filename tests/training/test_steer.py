"""Controllers in the training loop: a lane equals a plain loop that someone steers by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from etude.core.controller import Controller
from etude.core.errors import ExecutionError, SpecError
from etude.core.measure import StepMeasure
from etude.core.spec import RunSpec
from etude.schedules.chain import chain
from etude.schedules.constant import Constant
from etude.schedules.warmup import warmup
from etude.tasks.task import Task
from etude.training.checkpoint import pack, unpack
from etude.training.controllers import Hypergradient, Plateau, Polyak
from etude.training.engine import Engine, make_gradients
from etude.training.lanes import Lanes, start_lanes
from etude.training.measures import AppliedRate, GradientCosine, UpdateNorm
from etude.training.rules import SGD, Adam
from etude.training.steer import steer
from etude.training.train import train

STEPS = 60
RISING = chain(warmup(8), Constant(STEPS - 8))
MEASURES: tuple[StepMeasure, ...] = (AppliedRate(), GradientCosine(), UpdateNorm(layers=True))
CONTROLLERS: list[Controller] = [
    Plateau(patience=0, threshold=0.05, factor=0.5),
    Hypergradient(0.2),
    Polyak(growth=1.5),
]


def trained(task: Task, specs: list[RunSpec], engine: Engine = Engine.STACK) -> Lanes:
    lanes = start_lanes(specs, task)
    for _ in train(lanes, make_gradients(task, specs[0].seed, engine), task):
        pass
    return lanes


def steps_by_hand(
    task: Task, model: nn.Module, spec: RunSpec
) -> Iterator[tuple[int, float, float, list[torch.Tensor]]]:
    """A plain loop up to the gradient: step, loss, m(t), gradients."""
    for t in range(spec.steps):
        x, y = task.batch(spec.seed, t, spec.batch_size)
        loss = task.loss(model(x), y)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        yield t, loss.item(), spec.schedule(t), [g.clone() for g in grads]


def step_by_hand(optimizer: torch.optim.Optimizer, lr: float, grads: list[torch.Tensor]) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
        for p, g in zip(group["params"], grads, strict=True):
            p.grad = g
    optimizer.step()


def assert_lane_is(lanes: Lanes, row: int, losses: list[float], rates: list[float], model: nn.Module) -> None:
    np.testing.assert_allclose(lanes.losses[:, row], losses, rtol=1e-9)
    np.testing.assert_allclose(lanes.per_step["lr"][:, row], rates, rtol=1e-9)
    for name, p in model.named_parameters():
        torch.testing.assert_close(lanes.params[name][row], p.detach(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("metric", ["validation_loss", "loss"])
def test_plateau_steers_a_lane_as_torch_steers_a_plain_loop(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], metric: str
) -> None:
    task = task_of("mlp")
    control = Plateau(metric, factor=0.5, patience=1, threshold=0.05, cooldown=1, min_lr=0.02)
    options = {"controller": control, "evaluate_every": 5, "measures": MEASURES, "schedule": RISING}
    lrs = (0.03, 0.06, 0.1)
    lanes = trained(task, [spec_of(lr, SGD(momentum=0.9), STEPS, **options) for lr in lrs])
    reductions = 0
    for row, lr in enumerate(lrs):
        model, spec = task.init(3), lanes.specs[row]
        steered = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr)  # holds the rate that the scheduler sets
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            steered, factor=0.5, patience=1, threshold=0.05, cooldown=1, min_lr=0.02
        )
        optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
        losses, rates = [], []
        for t, loss, multiplier, grads in steps_by_hand(task, model, spec):
            if metric == "loss":
                scheduler.step(loss)
            elif t % 5 == 0:
                x, y = task.examples("validation")
                scheduler.step(task.loss(model(x), y).item())
            losses.append(loss)
            rates.append(steered.param_groups[0]["lr"] * multiplier)
            step_by_hand(optimizer, rates[-1], grads)
        assert_lane_is(lanes, row, losses, rates, model)
        reductions += int(rates[-1] < lr)
    assert reductions >= 2


def test_hypergradient_descent_equals_a_loop_written_by_hand(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    options = {"controller": Hypergradient(0.1), "measures": MEASURES, "schedule": RISING}
    lanes = trained(task, [spec_of(lr, SGD(), STEPS, **options) for lr in (0.03, 0.3)])
    for row, lr in enumerate((0.03, 0.3)):
        model = task.init(3)
        optimizer = torch.optim.SGD(model.parameters(), lr)
        losses, rates, now, last = [], [], lr, None
        for _, loss, multiplier, grads in steps_by_hand(task, model, lanes.specs[row]):
            flat = torch.cat([g.flatten() for g in grads])
            if last is not None:
                now *= 1 + 0.1 * float(torch.cosine_similarity(flat, last, dim=0))
            last = flat
            losses.append(loss)
            rates.append(now * multiplier)
            step_by_hand(optimizer, rates[-1], grads)
        assert_lane_is(lanes, row, losses, rates, model)
        assert abs(math.log(rates[-1] / lr)) > 0.1


def test_polyaks_step_equals_a_loop_written_by_hand_and_reads_the_norm_before_clipping(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    options = {"controller": Polyak(0.3, c=1.0, growth=1.2), "measures": MEASURES, "clip_norm": 0.8}
    lanes = trained(task, [spec_of(lr, SGD(), STEPS, **options) for lr in (0.5, 5.0)])
    for row, peak in enumerate((0.5, 5.0)):
        model = task.init(3)
        optimizer = torch.optim.SGD(model.parameters(), peak)
        losses, rates, now = [], [], math.inf
        for _, loss, _m, grads in steps_by_hand(task, model, lanes.specs[row]):
            square = sum(float(g.square().sum()) for g in grads)
            now = min(max(loss - 0.3, 0.0) / square, peak, 1.2 * now)
            factor = min(1.0, 0.8 / (math.sqrt(square) + 1e-6))
            losses.append(loss)
            rates.append(now)
            step_by_hand(optimizer, now, [g * factor for g in grads])
        assert_lane_is(lanes, row, losses, rates, model)
        assert len(set(rates)) > 10


def assert_same_bits(a: Lanes, row_a: int, b: Lanes, row_b: int) -> None:
    pairs: list[tuple[Any, Any]] = [(a.per_step[n][:, row_a], b.per_step[n][:, row_b]) for n in a.per_step]
    for name in set(a.evaluations) - {"step"}:  # a stack in which no lane is left is evaluated no more
        columns = [[r[row] for r in lanes.evaluations[name]] for lanes, row in ((a, row_a), (b, row_b))]
        pairs += [tuple(torch.tensor(c[: min(map(len, columns))]) for c in columns)]
    if row_a in a.alive:
        pairs += [(p[a.alive.index(row_a)], b.params[n][b.alive.index(row_b)]) for n, p in a.params.items()]
    for one, other in pairs:
        assert torch.equal(one.nan_to_num(), other.nan_to_num())


def mixed(spec_of: Callable[..., RunSpec], control: Controller) -> list[RunSpec]:
    """Lanes that differ in whatever may differ; the second explodes."""
    other = {Plateau: {"patience": 3}, Hypergradient: {"rate": 0.05}, Polyak: {"c": 1.0}}[type(control)]
    changed = replace(control, **other)  # type: ignore[type-var]
    options = {"steps": 40, "evaluate_every": 4, "measures": MEASURES}
    rows = [(0.05, 0.9, control, 1.0), (1e30, 0.9, control, None), (0.5, 0.9, changed, 0.5), (0.2, 0.5, control, None)]
    return [spec_of(lr, SGD(momentum=m), controller=c, clip_norm=clip, **options) for lr, m, c, clip in rows]


@pytest.mark.parametrize("control", CONTROLLERS, ids=lambda c: type(c).__name__)
def test_a_steered_lane_has_the_same_bits_whatever_its_neighbours(
    task_of: Callable[..., Task], spec_of: Callable[..., RunSpec], control: Controller
) -> None:
    task = task_of("mlp", torch.float32)
    specs = mixed(spec_of, control)
    together, turned = trained(task, specs), trained(task, specs[::-1])
    if not isinstance(control, Polyak):  # which takes no step that would explode
        assert together.alive == [0, 2, 3]
    for k, spec in enumerate(specs):
        assert_same_bits(together, k, trained(task, [spec]), 0)
        assert_same_bits(together, k, turned, len(specs) - 1 - k)


@pytest.mark.parametrize("control", CONTROLLERS, ids=lambda c: type(c).__name__)
def test_a_steered_and_measured_stack_continued_from_any_pause_ends_at_the_same_bits(
    task_of: Callable[..., Task], spec_of: Callable[..., RunSpec], control: Controller
) -> None:
    task = task_of("mlp", torch.float32)
    specs = mixed(spec_of, control)
    gradients = make_gradients(task, 3, Engine.STACK)
    whole, start = trained(task, specs), start_lanes(specs, task)
    packed = [pack(start) for _ in train(start, gradients, task)]
    assert len(packed) >= 8
    for data in (packed[0], packed[3], packed[-2]):
        resumed = unpack(data, specs, torch.device("cpu"))
        for _ in train(resumed, gradients, task):
            pass
        np.testing.assert_array_equal(whole.multiplier, resumed.multiplier)
        for k in range(len(specs)):
            assert_same_bits(whole, k, resumed, k)


def test_clipping_may_differ_from_lane_to_lane(task_of: Callable[..., Task], spec_of: Callable[..., RunSpec]) -> None:
    task = task_of("cnn", torch.float32)
    specs = [spec_of(0.2, Adam(), clip_norm=clip) for clip in (None, 0.1, 1.0)]
    together = trained(task, specs)
    for k, spec in enumerate(specs):
        assert_same_bits(together, k, trained(task, [spec]), 0)


def test_controllers_that_read_different_things_share_no_stack(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    specs = [spec_of(0.1, controller=Plateau(metric)) for metric in ("train_loss", "validation_loss")]
    with pytest.raises(ExecutionError, match="must agree in controller up to its hyperparameters"):
        start_lanes(specs, task_of("mlp"))


def test_a_controller_that_reads_what_the_task_does_not_have_is_refused(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    with pytest.raises(
        SpecError, match="cannot read validation_f1: this task's evaluations have train_loss, train_acc"
    ):
        trained(task_of("mlp"), [spec_of(0.1, controller=Plateau("validation_f1"))])


@pytest.mark.parametrize("control", CONTROLLERS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("value", [1e300, -1e300, math.inf, math.nan])
def test_a_reading_beyond_all_numbers_is_no_warning(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], control: Controller, value: float
) -> None:
    lanes = start_lanes([spec_of(0.1, controller=control), spec_of(0.2, controller=control)], task_of("mlp"))
    healthy = {name: np.array([1.0, 1.0]) for name in control.reads}
    steer(lanes, healthy)
    steer(lanes, {name: np.array([value, 1.0]) for name in control.reads})
    alone = start_lanes([spec_of(0.2, controller=control)], task_of("mlp"))
    for _ in range(2):
        steer(alone, {name: np.array([1.0]) for name in control.reads})
    assert lanes.multiplier[1] == alone.multiplier[0]
