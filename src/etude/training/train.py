"""The training loop. There is no other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from etude.core.gradients import Gradients
from etude.core.task import Task
from etude.training.clip import clip_
from etude.training.divergence import explosion_limit
from etude.training.evaluate import CURVE_EXAMPLES, evaluate
from etude.training.lanes import Lanes, lr_table
from etude.training.randomness import step_seed

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
    spec = lanes.shared
    rule, rates = lanes.rule, lr_table(lanes)
    if lanes.step == 0 and not lanes.evaluations:
        _evaluate(lanes, gradients, task)

    while lanes.step < spec.steps and lanes.alive:
        start, pause = lanes.step, time.monotonic() + CHUNK_SECONDS
        stop = min(start + CHUNK_STEPS, (start // spec.evaluate_every + 1) * spec.evaluate_every, spec.steps)
        losses: list[Tensor] = []
        while lanes.step < stop and (not losses or time.monotonic() < pause):
            t = lanes.step
            x, y = task.batch(spec.seed, t, spec.batch_size)
            loss, grads = gradients(lanes.params, lanes.buffers, x, y, step_seed(spec.seed, t))
            if spec.clip_norm is not None:
                clip_(grads, spec.clip_norm)
            with torch.no_grad():
                rule.update_all(lanes.params, grads, lanes.state, {n: r[t] for n, r in rates.items()}, t)
            losses.append(loss)
            lanes.step += 1

        trained = len(lanes.alive)
        lanes.losses[start : lanes.step, lanes.alive] = torch.stack(losses).cpu()
        if _drop_exploded(lanes, start):
            rule, rates = lanes.rule, lr_table(lanes)
        if lanes.alive and (lanes.step % spec.evaluate_every == 0 or lanes.step == spec.steps):
            _evaluate(lanes, gradients, task)
        yield Progress(trained * len(losses), len(lanes.alive), len(lanes.exploded))


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
        lanes.losses[start + steps_in + 1 :, lane] = torch.nan
    lanes.keep([row for row in range(len(lanes.alive)) if lanes.alive[row] not in lanes.exploded])
    return True


def _evaluate(lanes: Lanes, gradients: Gradients, task: Task) -> None:
    measured = evaluate(lanes, gradients, task, "train", CURVE_EXAMPLES)
    measured |= evaluate(lanes, gradients, task, "validation", CURVE_EXAMPLES)
    for name, values in measured.items():
        row = np.full(len(lanes.specs), np.nan)
        row[lanes.alive] = values
        lanes.evaluations.setdefault(name, []).append(row)
    lanes.evaluations.setdefault("step", []).append(np.array(float(lanes.step)))
