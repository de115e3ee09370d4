"""Lanes at once through torch.func: pays where launches cost more than arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from etude.core.gradients import Params
from etude.core.task import Task
from etude.training.gradients.looped import in_portions

WIDTH = 8
"""Lanes of one mapped call. Kernels may round differently for different widths, so it never varies: a last call that is
not full repeats its last lane. That is what makes a lane's bits independent of its neighbours."""


class VmappedGradients:
    """The gradient of one functional call of the module, mapped over the lane axis."""

    def __init__(self, template: nn.Module, task: Task) -> None:
        self.template = template

        def loss(params: Params, buffers: Params, x: Tensor, y: Tensor) -> Tensor:
            return task.loss(functional_call(template, (params, buffers), (x,)), y)

        self._gradient = vmap(grad_and_value(loss), in_dims=(0, 0, None, None))

    def __call__(self, params: Params, buffers: Params, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Params]:  # noqa: ARG002
        """Losses (K,) and gradients; torch.func refuses models that draw random numbers."""
        self.template.train()
        losses: list[Tensor] = []
        grads: dict[str, list[Tensor]] = {name: [] for name in params}
        for index, used in _windows(params):
            moving = _rows(buffers, index)
            part, loss = self._gradient(_rows(params, index), moving, x, y)
            losses.append(loss[:used])
            for name, g in part.items():
                grads[name].append(g[:used])
            for name, b in buffers.items():
                b[index[:used]] = moving[name][:used]
        return torch.cat(losses), {name: torch.cat(parts) for name, parts in grads.items()}

    def outputs(self, params: Params, buffers: Params, x: Tensor) -> Tensor:
        """Outputs in evaluation mode, (K, B, ...), lane by lane: many examples fill the device without stacking."""
        self.template.eval()
        with torch.no_grad():
            return torch.stack([in_portions(self._lane(params, buffers, k), x) for k in range(_lanes(params))])

    def _lane(self, params: Params, buffers: Params, lane: int) -> Callable[[Tensor], Tensor]:
        own = ({n: p[lane] for n, p in params.items()}, {n: b[lane] for n, b in buffers.items()})
        return lambda x: functional_call(self.template, own, (x,))


def _windows(params: Params) -> Iterator[tuple[Tensor, int]]:
    """Indices (WIDTH,) of the lanes of each call, and how many of them count."""
    first = next(iter(params.values()))
    for start in range(0, len(first), WIDTH):
        index = torch.arange(start, start + WIDTH, device=first.device).clamp(max=len(first) - 1)
        yield index, min(WIDTH, len(first) - start)


def _rows(tensors: Params, index: Tensor) -> Params:
    return {name: t.index_select(0, index) for name, t in tensors.items()}


def _lanes(tensors: Params) -> int:
    return len(next(iter(tensors.values())))
