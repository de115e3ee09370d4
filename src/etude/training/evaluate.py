"""Loss and metrics of every lane on fixed examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from etude.core.gradients import Gradients
from etude.core.task import Split, Task
from etude.core.trace import Array
from etude.training.lanes import Lanes

CURVE_EXAMPLES = 1000
"""Examples of each split that a point of a curve is evaluated on: a fixed subset, the same for all lanes, so lanes compare
exactly; one to two per cent of standard error for a single network's level."""

FINAL_EXAMPLES = 10_000
"""Examples of the training set that the final loss is evaluated on; the validation set is always used whole."""

CHUNK = 1000
"""Examples per forward pass: bounds the memory of an evaluation, and is fixed so that sums have one order."""


def evaluate(lanes: Lanes, gradients: Gradients, task: Task, split: Split, limit: int | None) -> dict[str, Array]:
    """Mean loss and metrics of the K living lanes, each (K,), on the first ``limit`` examples of a split."""
    x, y = task.examples(split, limit)
    weights = lanes.weights
    sums: dict[str, Array] = {}
    for xs, ys in _chunks(x, y):
        out = gradients.outputs(weights, lanes.buffers, xs)
        for k, lane_out in enumerate(out):
            for name, value in _measure(lane_out, ys, task).items():
                column = sums.setdefault(f"{split}_{name}", np.zeros(len(out)))
                column[k] += value * (len(ys) / len(y))
    return sums


def _measure(out: Tensor, y: Tensor, task: Task) -> dict[str, float]:
    with torch.no_grad():
        return {"loss": float(task.loss(out, y))} | task.metrics(out, y)


def _chunks(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(torch.split(x, CHUNK), torch.split(y, CHUNK), strict=True)
