"""One hash of the state of a training program."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from etude.integrations.finder.memory import GENERATORS, OWNERS, generator_state, global_generators


def digest_of(roots: Iterable[object]) -> str:
    """SHA-256 over the state of the roots and of the global generators, read afresh: what was added counts as well.

    Example:
        >>> layer = torch.nn.Linear(1, 1)
        >>> before = digest_of([layer])
        >>> _ = layer.eval()
        >>> digest_of([layer]) == before
        False
    """
    roots = tuple(roots)
    reader = _Reader({id(root) for root in roots})
    for root in roots:
        reader.read(root)
    reader.read(global_generators())
    return reader.sha.hexdigest()


@final
class _Reader:
    """Feeds objects into a hash, each one once; where it comes again, its place in the order stands for it."""

    def __init__(self, given: set[int]) -> None:
        self.sha = hashlib.sha256()
        self._given = given
        self._places: dict[int, int] = {}
        self._alive: list[object] = []

    def read(self, value: Any) -> None:
        if isinstance(value, int | float | str | bool | bytes | complex | None):
            self._say(f"{type(value).__name__} {value!r}")
            return
        if id(value) in self._places:
            self._say(f"again {self._places[id(value)]}")
            return
        self._places[id(value)] = len(self._places)
        self._alive.append(value)
        self._read_new(value)

    def _read_new(self, value: Any) -> None:
        if isinstance(value, GENERATORS):
            value = generator_state(value)
        match value:
            case Tensor():
                self._read_tensor(value)
            case dict():
                self._say(f"dict {len(value)}")
                for key, item in value.items():
                    self.read(key)
                    self.read(item)
            case list() | tuple() | deque():
                self._say(f"{type(value).__name__} {len(value)}")
                for item in value:
                    self.read(item)
            case np.ndarray():
                self._say(f"array {value.dtype} {value.shape}")
                self.sha.update(np.ascontiguousarray(value).tobytes())
            case _ if isinstance(value, OWNERS) or id(value) in self._given:
                self._say(type(value).__qualname__)
                self.read(getattr(value, "__dict__", {}))
            case _:
                self._say(type(value).__qualname__)

    def _read_tensor(self, tensor: Tensor) -> None:
        self._say(f"tensor {tensor.dtype} {tuple(tensor.shape)} {tensor.device} {tensor.requires_grad}")
        values = tensor.detach()
        parts = (values.coalesce().indices(), values.coalesce().values()) if values.is_sparse else (values,)
        for part in parts:
            self.sha.update(part.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        self.read(tensor.grad if tensor.is_leaf else None)

    def _say(self, text: str) -> None:
        self.sha.update(text.encode() + b"\0")
