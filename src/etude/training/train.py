"""The training loop. There is no other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from etude.core.gradients import Gradients
from etude.core.measure import Columns, PointMeasure
from etude.core.task import Task
from etude.training.divergence import explosion_limit
from etude.training.evaluate import CURVE_EXAMPLES, evaluate
from etude.training.lanes import Lanes
from etude.training.pace import Pace
from etude.training.points import point_of
from etude.training.randomness import step_seed
from etude.training.steer import reads_evaluations, reads_steps, steer, step_reading
from etude.training.watch import Watch

CHUNK_STEPS = 50
"""Most steps between two looks at the losses: lanes are independent, so leaving late costs time but changes no bit."""

CHUNK_SECONDS = 0.5
"""Longest time between two looks, for the same reason free to vary: whoever asks to stop should not wait."""


@dataclass(frozen=True)
class Progress:
    """Where a stack is: lane-steps made since the last report, lanes alive, lanes that left."""

    lane_steps: int
    alive: int
    left: int


def train(lanes: Lanes, gradients: Gradients, task: Task) -> Iterator[Progress]:
    """Train the lanes to their horizon, pausing after every chunk of steps.

    Between two items the lanes are consistent: they may be saved, and another process may continue them to the same bits.
    """
    spec, steered = lanes.shared, reads_steps(lanes)
    if lanes.step == 0 and not lanes.evaluations:
        _evaluate(lanes, gradients, task)
    pace, watch = Pace(lanes), Watch(lanes)

    while lanes.step < spec.steps and lanes.alive:
        start, pause = lanes.step, time.monotonic() + CHUNK_SECONDS
        stop = min(start + CHUNK_STEPS, (start // spec.evaluate_every + 1) * spec.evaluate_every, spec.steps)
        measured: list[Columns] = []
        while lanes.step < stop and (not measured or time.monotonic() < pause):
            t = lanes.step
            x, y = task.batch(spec.seed, t, spec.batch_size_at(t))
            loss, grads = gradients(lanes.params, lanes.buffers, x, y, step_seed(spec.seed, t))
            kept = watch.before(lanes, grads)
            if steered:
                steer(lanes, step_reading(lanes, loss, grads))
            factor = pace.clip(grads)
            with torch.no_grad():
                pace.rule(t).update_all(lanes.params, grads, lanes.state, pace.rates(t), t)
                measured.append({"loss": loss} | watch.after(lanes, loss, kept, factor, pace.lr(t)))
            lanes.step += 1

        trained = len(lanes.alive)
        _record(lanes, start, measured)
        if _drop_exploded(lanes, start) and lanes.alive:
            pace = Pace(lanes)
        if lanes.alive and (lanes.step % spec.evaluate_every == 0 or lanes.step == spec.steps):
            _evaluate(lanes, gradients, task)
        yield Progress(trained * len(measured), len(lanes.alive), len(lanes.exploded))


def _record(lanes: Lanes, start: int, measured: Sequence[Columns]) -> None:
    for name in measured[0]:
        values = torch.stack([columns[name] for columns in measured]).cpu()
        shape = (lanes.shared.steps, len(lanes.specs))
        column = lanes.per_step.setdefault(name, torch.full(shape, torch.nan, dtype=values.dtype))
        column[start : lanes.step, lanes.alive] = values


def _drop_exploded(lanes: Lanes, start: int) -> bool:
    initial = lanes.evaluations["train_loss"][0][lanes.alive]
    limits = torch.tensor([explosion_limit(float(loss)) for loss in initial])
    losses = lanes.losses[start : lanes.step, lanes.alive]
    bad = ~(losses.abs() <= limits)
    if not bad.any():
        return False
    for row in bad.any(0).nonzero().flatten().tolist():
        lane, steps_in = lanes.alive[row], int(bad[:, row].int().argmax())
        lanes.exploded[lane] = start + steps_in
        for column in lanes.per_step.values():
            column[start + steps_in + 1 :, lane] = torch.nan
    lanes.keep([row for row in range(len(lanes.alive)) if lanes.alive[row] not in lanes.exploded])
    return True


def _evaluate(lanes: Lanes, gradients: Gradients, task: Task) -> None:
    measured = evaluate(lanes, gradients, task, "train", CURVE_EXAMPLES)
    measured |= evaluate(lanes, gradients, task, "validation", CURVE_EXAMPLES)
    if reads_evaluations(lanes):
        steer(lanes, measured)
    measures = [m for m in lanes.shared.measures if isinstance(m, PointMeasure)]
    if measures:
        point = point_of(lanes, gradients, task)
        measured |= {name: value.cpu().double().numpy() for m in measures for name, value in m.at_point(point).items()}
    for name, values in measured.items():
        row = np.full(len(lanes.specs), np.nan)
        row[lanes.alive] = values
        lanes.evaluations.setdefault(name, []).append(row)
    lanes.evaluations.setdefault("step", []).append(np.array(float(lanes.step)))
