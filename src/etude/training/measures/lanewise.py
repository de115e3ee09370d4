"""What measures of a point start from: the lanes as modules, gradients that leave no trace, the update to come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from etude.core.gradients import Params
    from etude.core.measure import Point


def lane_modules(point: Point) -> Iterator[nn.Module]:
    """The model of every lane in evaluation mode, one after the other, at the weights to evaluate.

    Parameters and buffers are views into the stack: read and differentiate them, but change none.
    """
    from etude.training.gradients.looped import bound_module

    template = point.task.init(point.seed)
    for row in range(len(point.lr)):
        yield bound_module(template, point.weights, point.buffers, row).eval()


def gradients_at(point: Point, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Params]:
    """Losses (K,) and gradients on a batch at the weights in training, in training mode.

    The point stays as it is: buffers that a model moves are copies, and so are the gradients.

    Args:
        point: Where.
        x: Inputs (B, ...).
        y: Targets (B, ...).
        step: Step whose seed a model's own randomness (dropout) takes.
    """
    from etude.training.randomness import step_seed

    buffers = {name: b.clone() for name, b in point.buffers.items()}
    losses, grads = point.gradients(point.params, buffers, x, y, step_seed(point.seed, step))
    return losses, {name: g.clone() for name, g in grads.items()}


def next_update(point: Point) -> Params:
    """The update w_{t+1} − w_t that the rule makes of the next batch, each (K, ...), without clipping; nothing is changed."""
    import torch

    x, y = point.task.batch(point.seed, point.step, point.batch_size)
    _, grads = gradients_at(point, x, y, point.step)
    moved = {name: p.clone() for name, p in point.params.items()}
    state = {name: {key: v.clone() for key, v in own.items()} for name, own in point.state.items()}
    with torch.no_grad():
        point.rule.update_all(moved, grads, state, point.rates, point.step)
        return {name: moved[name] - p for name, p in point.params.items()}
