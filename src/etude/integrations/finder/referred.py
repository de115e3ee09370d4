"""What a function uses that has a state: found in its closure, its globals and the functions that it calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from etude.integrations.finder.memory import GENERATORS, OWNERS


def referred(function: Callable[..., Any]) -> list[object]:
    """Modules, optimizers, schedulers, scalers and generators that a function, or one of its module's that it uses, names.

    A scheduler or scaler that a user forgot to mention is found here. What is reached by other ways, such as through a
    list or another module's functions, is not.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(1, 1)
        >>> def step():
        ...     return layer(torch.ones(1))
        >>> referred(step) == [layer]
        True
    """
    found: dict[int, object] = {}
    seen: set[int] = set()
    waiting: list[Any] = [function]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, OWNERS + GENERATORS):
            found[id(value)] = value
            continue
        for other in _names(value):
            own = isinstance(other, FunctionType) and other.__module__ == getattr(function, "__module__", None)
            if own or isinstance(other, OWNERS + GENERATORS):
                waiting.append(other)
    return list(found.values())


def _names(function: Any) -> list[object]:
    function = getattr(function, "func", function)  # a functools.partial
    owner = getattr(function, "__self__", None)
    plain = getattr(function, "__func__", function)
    values = list(vars(owner).values()) if hasattr(owner, "__dict__") else []
    if isinstance(plain, FunctionType):
        names = inspect.getclosurevars(plain)
        values += [*names.nonlocals.values(), *names.globals.values()]
    return values
