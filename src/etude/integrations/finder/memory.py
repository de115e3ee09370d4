"""The state of a training program, kept and given back to the bit."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Undo = Callable[[], object]
OWNERS = (nn.Module, Optimizer, LRScheduler, torch.amp.GradScaler)
"""Objects whose attributes are state. Of other objects inside them only the reference is kept."""
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def _fill(container: Any, old: Any) -> None:
    container.clear()
    container.extend(old) if isinstance(container, list | deque) else container.update(old)


@final
class Memory:
    """Everything that a training step may change, as it is now; ``restore`` gives it back as often as is asked.

    Kept are, of each root and of the modules, optimizers, schedulers and scalers inside it: tensors (values, gradients,
    ``requires_grad``), arrays, containers, numbers and flags such as ``training``; further the state of generators inside
    them, and of the global generators of torch (all initialized CUDA devices too), numpy and Python. Tensors are given back
    in place, so that what holds a reference to one, an optimizer or a captured graph, stays right.

    Args:
        roots: Models, optimizers, schedulers, scalers, generators, or other objects whose attributes shall be kept.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> memory = Memory([layer])
        >>> before = layer.weight.item()
        >>> _ = nn.init.zeros_(layer.weight)
        >>> memory.restore()
        >>> layer.weight.item() == before
        True
    """

    def __init__(self, roots: Iterable[object]) -> None:
        self._roots = tuple(roots)
        self._given = {id(root) for root in self._roots}
        self._undo: list[Undo] = []
        self._seen: dict[int, object] = {}
        for root in self._roots:
            self._keep(root)
        self._generators = global_generators()

    def restore(self) -> None:
        """Give everything back as it was when this was made."""
        with torch.no_grad():
            for undo in self._undo:
                undo()
        set_global_generators(self._generators)

    def _keep(self, value: object) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            self._keep_tensor(value)
        elif isinstance(value, dict | list | set | deque):
            self._keep_container(value)
        elif isinstance(value, tuple):
            for item in value:
                self._keep(item)
        elif isinstance(value, np.ndarray):
            values = value.copy()
            self._undo.append(lambda: np.copyto(value, values))
        elif isinstance(value, GENERATORS):
            state = generator_state(value)
            self._undo.append(lambda: _set_generator(value, state))
        elif isinstance(value, OWNERS) or id(value) in self._given:
            self._keep(getattr(value, "__dict__", {}))

    def _keep_container(self, value: Any) -> None:
        # The container comes first, its items after it: an item is restored where the container holds it again.
        old = value.copy()
        self._undo.append(lambda: _fill(value, old))
        for item in list(value.values() if isinstance(value, dict) else value):
            self._keep(item)

    def _keep_tensor(self, tensor: Tensor) -> None:
        handle, grad, required = tensor.data, tensor.grad if tensor.is_leaf else None, tensor.requires_grad
        values = handle.clone()

        def undo() -> None:
            if tensor.is_leaf:
                tensor.data = handle
                tensor.requires_grad_(required)
                tensor.grad = grad
            tensor.data.copy_(values)

        self._undo.append(undo)
        if grad is not None:
            self._keep(grad)


def generator_state(generator: Any) -> Any:
    """The state of one of ``GENERATORS``."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    return generator.bit_generator.state if isinstance(generator, np.random.Generator) else generator.get_state()


def _set_generator(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def global_generators() -> dict[str, Any]:
    """The state of the global random generators."""
    found: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),
        "python": random.getstate(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def set_global_generators(states: dict[str, Any]) -> None:
    """Give the global random generators a state that ``global_generators`` returned."""
    torch.set_rng_state(states["torch"])
    np.random.set_state(states["numpy"])
    random.setstate(states["python"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
