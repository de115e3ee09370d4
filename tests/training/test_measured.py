"""Measures in the training loop: their columns against a plain loop that records everything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from etude.core.measure import AtEnd, Columns, Measure, Point
from etude.core.spec import RunSpec
from etude.schedules.cosine import Cosine
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import Lanes, start_lanes
from etude.training.measures import (
    Alignment,
    AppliedRate,
    ClipFactor,
    EffectiveRates,
    GradientCosine,
    GradientNorm,
    Sharpness,
    UpdateNorm,
    UpdateRatio,
    WeightNorm,
)
from etude.training.measures.lanewise import gradients_at, next_update
from etude.training.rules import SGD, Adam
from etude.training.train import train

STEPS = 30
EVERY_STEP: tuple[Measure, ...] = (
    GradientNorm(layers=True),
    UpdateNorm(layers=True),
    UpdateRatio(layers=True),
    WeightNorm(layers=True),
    GradientCosine(),
    Alignment(),
    ClipFactor(),
    AppliedRate(),
)
EVERYTHING = (*EVERY_STEP, EffectiveRates(), Sharpness(examples=12), AtEnd(Sharpness(examples=20)))
ENGINES = [("mlp", Engine.STACK), ("cnn-bn", Engine.STACK), ("gru", Engine.LOOP)]


def trained(task: Task, specs: list[RunSpec], engine: Engine) -> Lanes:
    lanes = start_lanes(specs, task)
    for _ in train(lanes, make_gradients(task, specs[0].seed, engine), task):
        pass
    return lanes


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([t.flatten() for t in tensors.values()])


def recorded(task: Task, spec: RunSpec) -> list[dict[str, float]]:
    """Every column of every step, from a plain loop."""
    model = task.init(spec.seed)
    optimizer = torch.optim.Adam(model.parameters(), spec.peak_lr)
    rows, last_g, last_u = [], None, None
    for t in range(spec.steps):
        optimizer.param_groups[0]["lr"] = lr = spec.peak_lr * spec.schedule(t)
        x, y = task.batch(spec.seed, t, spec.batch_size)
        optimizer.zero_grad()
        task.loss(model(x), y).backward()
        w = {n: p.detach().clone() for n, p in model.named_parameters()}
        g = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm or np.inf)
        optimizer.step()
        u = {n: p.detach() - w[n] for n, p in model.named_parameters()}
        row = {"lr": lr, "clip_factor": min(1.0, (spec.clip_norm or np.inf) / (float(norm) + 1e-6))}
        for name, vectors in (("gradient_norm", g), ("update_norm", u), ("weight_norm", w)):
            row[name] = flat(vectors).norm().item()
            row |= {f"{name}/{n}": v.norm().item() for n, v in vectors.items()}
        row["update_ratio"] = row["update_norm"] / row["weight_norm"]
        row |= {f"update_ratio/{n}": (u[n].norm() / (w[n].norm() or torch.nan)).item() for n in u}
        row["gradient_cosine"] = np.nan if last_g is None else cosine(flat(g), last_g)
        row["alignment"] = np.nan if last_u is None else -cosine(flat(g), last_u)
        last_g, last_u = flat(g), flat(u)
        rows.append(row)
    return rows


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


@pytest.mark.parametrize(("model", "engine"), [("mlp", Engine.STACK), ("cnn", Engine.STACK), ("gru", Engine.LOOP)])
def test_step_measures_equal_what_a_plain_loop_records(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine
) -> None:
    task = task_of(model)
    shape = Cosine(1.0, 0.1, STEPS)
    rows = [(0.001, None), (0.003, 0.5)]
    specs = [spec_of(lr, Adam(), STEPS, shape, clip_norm=clip, measures=EVERY_STEP) for lr, clip in rows]
    traces = list(finish(trained(task, specs, engine), make_gradients(task, 3, engine), task))
    for spec, trace in zip(specs, traces, strict=True):
        expected = recorded(task, spec)
        assert set(trace.per_step) == {"loss", *expected[0]}
        for name in expected[0]:
            column = [row[name] for row in expected]
            np.testing.assert_allclose(trace.per_step[name], column, rtol=1e-8, atol=1e-14, err_msg=name)
        assert (trace.per_step["clip_factor"] < 1).any() == (spec.clip_norm is not None)


@pytest.mark.parametrize(("model", "engine"), ENGINES)
def test_measures_change_no_bit_of_the_training(
    task_of: Callable[..., Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine
) -> None:
    task = task_of(model, torch.float32)
    lrs = (0.01, 1e30, 0.1)
    plain = trained(task, [spec_of(lr, SGD(momentum=0.9), STEPS) for lr in lrs], engine)
    measured = trained(task, [spec_of(lr, SGD(momentum=0.9), STEPS, measures=EVERYTHING) for lr in lrs], engine)
    assert torch.equal(plain.losses.nan_to_num(), measured.losses.nan_to_num())
    for name, p in (plain.params | plain.buffers).items():
        assert torch.equal(p, (measured.params | measured.buffers)[name])
    for name, column in plain.evaluations.items():
        np.testing.assert_array_equal(column, measured.evaluations[name])


def test_points_are_measured_where_evaluations_take_place_and_the_end_once(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("mlp")
    lanes = trained(task, [spec_of(lr, steps=25, measures=EVERYTHING) for lr in (0.01, 1e30, 0.1)], Engine.STACK)
    slow, burst, _ = finish(lanes, make_gradients(task, 3, Engine.STACK), task)
    assert len(slow.evaluations["sharpness"]) == len(slow.evaluations["step"]) == 4
    assert slow.evaluations["sharpness"][-1] == pytest.approx(slow.final["sharpness"], rel=0.9)
    assert slow.evaluations["sharpness"][-1] != slow.final["sharpness"]  # on fewer examples
    assert len(burst.evaluations["sharpness"]) == 1
    assert burst.final == {}
    assert len(burst.per_step["lr"]) == len(burst.per_step["loss"]) == burst.outcome.step + 1


class Recorder:
    """Keeps what a point tells of the step to come; no record, since it is not stored."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, dict[str, Tensor], dict[str, Tensor], Tensor]] = []

    def at_point(self, point: Point) -> Columns:
        x, y = point.task.batch(point.seed, min(point.step, STEPS - 1), point.batch_size)
        losses, _ = gradients_at(point, x, y, point.step)
        weights = {n: p.clone() for n, p in point.params.items()}
        self.seen.append((point.step, weights, next_update(point), losses))
        return {"upcoming_loss": losses}


@pytest.mark.parametrize(("model", "engine"), ENGINES)
def test_a_point_foretells_the_next_step_and_leaves_no_trace(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], model: str, engine: Engine
) -> None:
    task, recorder = task_of(model), Recorder()
    shape, scheduled = Cosine(1.0, 0.1, STEPS), (("beta1", Cosine(1.0, 0.5, STEPS)),)
    options = {"evaluate_every": 1, "schedule": shape, "scheduled": scheduled, "group_scales": (("*bias", 0.5),)}
    lanes = start_lanes([spec_of(lr, Adam(), STEPS, measures=(recorder,), **options) for lr in (0.001, 0.01)], task)
    for _ in train(lanes, make_gradients(task, 3, engine), task):
        pass
    assert [step for step, *_ in recorder.seen] == list(range(STEPS + 1))
    for (step, before, update, losses), (_, after, *_) in zip(recorder.seen, recorder.seen[1:], strict=False):
        torch.testing.assert_close(losses, lanes.losses[step], rtol=0, atol=0)
        for name, p in before.items():
            assert torch.equal(after[name] - p, update[name])
