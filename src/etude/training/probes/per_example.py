"""Gradients of single examples, for any module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
from torch import Tensor, nn

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Mean loss of (output, target) over a batch."""

CHUNK_NUMBERS = 2**24
"""Numbers of the per-example gradients that are held at once (64 MiB in float32)."""


def mixes_examples(module: nn.Module) -> bool:
    """Whether examples of a batch interact in the mode the module is in, through the statistics of batch norm.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        >>> mixes_examples(model), mixes_examples(model.eval())
        (True, False)
    """
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    return any(norm.training or norm.running_mean is None for norm in norms)


def each_gradient(module: nn.Module, loss: Loss, x: Tensor, y: Tensor, batch: int = 1) -> Iterator[Tensor]:
    """Gradients of one batch after the other, flat, with respect to the parameters that need one, in chunks (m, P).

    At once through torch.func where it takes the model, else batch by batch; both give the same numbers up to rounding.

    Args:
        module: The model; buffers that it moves do move.
        loss: Mean loss of (output, target) over a batch.
        x: Inputs (M·B, ...).
        y: Targets (M·B, ...).
        batch: B, examples of one gradient.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
        >>> torch.cat(list(each_gradient(layer, lambda out, y: (out - y).sum(), x, y)))
        tensor([[1., 0.],
                [0., 3.]])
    """
    x, y = x.reshape(-1, batch, *x.shape[1:]), y.reshape(-1, batch, *y.shape[1:])
    wanted = {name: p for name, p in module.named_parameters() if p.requires_grad}
    at_once = max(1, CHUNK_NUMBERS // sum(p.numel() for p in wanted.values()))
    mapped: _Mapped | None = _mapped_gradient(module, loss, wanted)
    for xs, ys in zip(torch.split(x, at_once), torch.split(y, at_once), strict=True):
        if mapped is not None:
            try:
                chunk = mapped(xs, ys)
            except RuntimeError:  # in the ways of torch.func: a fused kernel, a buffer in place, a branch on a value
                mapped = None
            else:
                yield chunk
                continue
        for one, target in zip(xs, ys, strict=True):
            yield _gradient(module, loss, list(wanted.values()), one, target).unsqueeze(0)


_Mapped: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def _mapped_gradient(module: nn.Module, loss: Loss, wanted: dict[str, nn.Parameter]) -> _Mapped:
    from torch.func import functional_call, grad, vmap

    def objective(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return loss(functional_call(module, weights, (x,)), y)

    values = {name: p.detach() for name, p in wanted.items()}
    gradient = vmap(grad(objective), in_dims=(None, 0, 0), randomness="different")

    def chunk(xs: Tensor, ys: Tensor) -> Tensor:
        return torch.cat([g.flatten(1) for g in gradient(values, xs, ys).values()], dim=1)

    return chunk


def _gradient(module: nn.Module, loss: Loss, wanted: list[nn.Parameter], x: Tensor, y: Tensor) -> Tensor:
    with torch.enable_grad():
        parts = torch.autograd.grad(loss(module(x), y), wanted, allow_unused=True)
    return torch.cat(
        [torch.zeros_like(p).flatten() if g is None else g.flatten() for p, g in zip(wanted, parts, strict=True)]
    )
