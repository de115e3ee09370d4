"""From what a user calls data to one pair of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from etude.core.errors import DataError, TaskError
from etude.tasks.blame import user_code

LIMIT_BYTES = 4 * 2**30


@runtime_checkable
class MapDataset(Protocol):
    """A map-style data set, such as a ``torch.utils.data.Dataset`` with a length: items are pairs (input, target)."""

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def __getitem__(self, index: int, /) -> Any:
        """The pair (input, target) at ``index``."""
        ...


Data: TypeAlias = "tuple[Tensor, Tensor] | MapDataset"


def materialize(data: Data, name: str) -> tuple[Tensor, Tensor]:
    """Turn data into (inputs, targets), each with the examples along its first axis.

    A pair of tensors is taken as it is. A map-style data set is read once from first to last item and stacked; its
    random transforms, if any, are therefore drawn once, from a fixed torch seed.

    Args:
        data: Pair of tensors, or map-style data set of pairs.
        name: What messages call it, such as ``"train"``.

    Raises:
        TaskError: When ``data`` is neither, or an item is not a pair of tensors, arrays or numbers.
        DataError: When it is empty, its items differ in shape, or stacked it exceeds ``LIMIT_BYTES`` (4 GiB).

    Example:
        >>> inputs, targets = materialize([(torch.zeros(3), 0), (torch.ones(3), 1)], "train")
        >>> tuple(inputs.shape), targets.tolist()
        ((2, 3), [0, 1])
    """
    if isinstance(data, tuple):
        return _pair_of_tensors(data, name)
    if not isinstance(data, MapDataset):
        raise TaskError(
            f"{name} must be a pair of tensors (inputs, targets) or a map-style data set with __len__ and __getitem__, "
            f"got {type(data).__name__}: collect an iterable data set into tensors first"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _stack(data, name)


def _pair_of_tensors(data: tuple[Any, ...], name: str) -> tuple[Tensor, Tensor]:
    if len(data) != 2 or not all(isinstance(part, Tensor) for part in data):
        kinds = ", ".join(type(part).__name__ for part in data)
        raise TaskError(f"{name} must be a pair of tensors (inputs, targets), got ({kinds}): convert with torch.tensor")
    for part, role in zip(data, ("inputs", "targets"), strict=True):
        if part.ndim == 0:
            raise DataError(f"{name} {role} need the examples along their first axis, got a scalar: add an axis")
    return data[0].detach(), data[1].detach()


def _stack(data: MapDataset, name: str) -> tuple[Tensor, Tensor]:
    size = _length(data, name)
    if size == 0:
        raise DataError(f"{name} is empty: it needs at least one example")
    first = _item(data, 0, name)
    needed = size * sum(part.nbytes for part in first)
    if needed > LIMIT_BYTES:
        raise DataError(
            f"{name} needs {needed / 2**30:.1f} GiB as tensors ({size} examples), more than the "
            f"{LIMIT_BYTES / 2**30:.0f} GiB that are held in memory: pass a subset of it"
        )
    stacked = tuple(torch.empty((size, *part.shape), dtype=part.dtype) for part in first)
    for index in range(size):
        for store, part, role in zip(stacked, _item(data, index, name), ("input", "target"), strict=True):
            if part.shape != store.shape[1:] or part.dtype != store.dtype:
                raise DataError(
                    f"{role} {index} of {name} has shape {tuple(part.shape)} and {part.dtype}, but {role} 0 "
                    f"{tuple(store.shape[1:])} and {store.dtype}: give all items one shape and type"
                )
            store[index] = part
    return stacked[0], stacked[1]


def _length(data: MapDataset, name: str) -> int:
    with user_code(f"{name} has no length", "pass a map-style data set with __len__"):
        return len(data)


def _item(data: MapDataset, index: int, name: str) -> tuple[Tensor, Tensor]:
    with user_code(f"{name} item {index} cannot be read", "correct the data set"):
        item = data[index]
    if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
        shown = f"{type(item).__name__} of {len(item)}" if isinstance(item, Sequence) else type(item).__name__
        raise TaskError(f"{name} item {index} must be a pair (input, target), got a {shown}: return two values")
    return _tensor(item[0], index, name), _tensor(item[1], index, name)


def _tensor(value: Any, index: int, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, bool | int | float | np.ndarray | np.generic):
        return torch.as_tensor(value)
    raise TaskError(
        f"{name} item {index} holds a {type(value).__name__}, needs tensors, arrays or numbers: "
        "convert it in the data set (for an image: a ToTensor transform)"
    )
