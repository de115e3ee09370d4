"""Looking at a model without touching it."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn


@contextmanager
def isolated(
    module: nn.Module, weights: Mapping[str, Tensor] | None = None, *, dtype: torch.dtype | None = None
) -> Iterator[dict[str, nn.Parameter]]:
    """Lend a module copies of its parameters and buffers, so that it can be run at will, and take them back afterwards.

    The module's own tensors are out of reach inside: their bits, version counters, ``.grad``, hooks and the gradient
    accumulators that data-parallel training hangs its communication on stay as they are, also when an exception passes. So
    do the ``training`` flags, the values of all other attributes (a cache that a forward pass replaces; not the contents of a
    list that it extends), and the states of the generators that a model may draw from (torch's, numpy's, Python's). Forward
    hooks that a caller registered do run, and compiled code runs eagerly, so that nothing is recompiled.

    Args:
        module: Any module; tied parameters stay tied.
        weights: Values by parameter name that stand in for the module's own.
        dtype: Floating type of the copies; ``None`` keeps each one's. In float64 the small differences between losses that
            a short step makes are not lost in rounding.

    Yields:
        The copies by parameter name, each once, those that need a gradient and those that do not.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> with isolated(layer, {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}):
        ...     layer(torch.tensor([[3.0]])).item()
        7.0
        >>> layer(torch.tensor([[3.0]])).item() == 7.0
        False
    """
    given = {id(p): weights[name] for name, p in module.named_parameters() if name in weights} if weights else {}
    copies = {id(p): _copy(p, given.get(id(p), p), dtype) for p in module.parameters()}
    parts = list(module.modules())
    owned = [(part, leaf, p) for part in parts for leaf, p in part._parameters.items() if p is not None]
    held = [(part, leaf, b) for part in parts for leaf, b in part._buffers.items() if b is not None]
    training = [(part, part.training) for part in parts]
    attributes = [(vars(part), dict(vars(part))) for part in parts]
    with ExitStack() as stack:
        stack.enter_context(_same_randomness(module))
        stack.enter_context(_eager())
        try:
            # setattr tells a recurrent layer, which keeps a list of its weights beside the parameters.
            for part, leaf, p in owned:
                setattr(part, leaf, copies[id(p)])
            for part, leaf, b in held:
                part._buffers[leaf] = b.detach().clone() if dtype is None else _cast(b, dtype)
            yield dict(module.named_parameters())
        finally:
            for present, before in attributes:
                present.clear()
                present.update(before)
            for part, leaf, p in owned:
                setattr(part, leaf, p)
            for part, leaf, b in held:
                part._buffers[leaf] = b
            for part, flag in training:
                part.training = flag


def _copy(own: nn.Parameter, value: Tensor, dtype: torch.dtype | None) -> nn.Parameter:
    copied = value.detach().to(dtype=dtype or own.dtype, device=own.device, copy=True)
    return nn.Parameter(copied, requires_grad=own.requires_grad)


def _cast(buffer: Tensor, dtype: torch.dtype) -> Tensor:
    return buffer.detach().to(dtype if buffer.is_floating_point() else buffer.dtype, copy=True)


@contextmanager
def _same_randomness(module: nn.Module) -> Iterator[None]:
    devices = {p.device for p in module.parameters() if p.is_cuda}
    python, arrays = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=list(devices)):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(arrays)


@contextmanager
def _eager() -> Iterator[None]:
    if "torch._dynamo" not in sys.modules:  # nothing was compiled, and asking would load the compiler
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield
