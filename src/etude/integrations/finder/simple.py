"""The training step that anyone would write, for who has a model, data and a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from etude.core.errors import SpecError
from etude.core.message import Message


@final
@dataclass(frozen=True, eq=False)
class Made:
    """Optimizers, a step and its batches, or why there is nothing to search.

    Attributes:
        optimizers: Whose learning rates are set.
        step: One training step.
        data: Its batches, or ``None`` when it fetches its own.
        objection: What is wrong with the data, or ``None``.
    """

    optimizers: list[Optimizer]
    step: Callable[..., Any]
    data: Any
    objection: Message | None


def make_step(
    model: Any,
    data: Any,
    loss: Callable[[Any, Any], Tensor],
    optimizer: Callable[[Any], Optimizer] | None,
    batch_size: int,
) -> Made:
    """A step that trains ``model`` on batches of ``data``.

    Raises:
        SpecError: When the model is no module, or the data can be iterated only once.
    """
    if not isinstance(model, nn.Module):
        raise SpecError(f"needs an nn.Module to train, got {type(model).__name__}: pass the model first")
    tensors = _is_pair(data)
    objection = _degenerate(data) if tensors else None
    made = (optimizer or torch.optim.AdamW)([p for p in model.parameters() if p.requires_grad])
    device = next((p.device for p in model.parameters()), torch.device("cpu"))

    def step(batch: Any) -> Tensor:
        made.zero_grad()
        if _is_pair(batch):
            inputs, targets = (t.to(device) for t in batch)
            value = loss(model(inputs), targets)
        else:
            value = loss(model, batch)
        value.backward()  # type: ignore[no-untyped-call]
        made.step()
        return value.detach()

    batches = _Batches(data[0], data[1], batch_size) if tensors else data
    if not tensors and not callable(data) and iter(data) is data:
        raise SpecError(
            "the data can be iterated only once: pass a list, a DataLoader, or a function that returns it anew"
        )
    return Made([made], step, batches, objection)


@final
class _Batches:
    """Tensors as batches in a new order at each pass, drawn from torch's global generator; the rest is left out."""

    def __init__(self, inputs: Tensor, targets: Tensor, batch_size: int) -> None:
        self._pair, self._size = (inputs, targets), min(batch_size, len(inputs))

    def __iter__(self) -> Any:
        inputs, targets = self._pair
        order = torch.randperm(len(inputs)).to(inputs.device)
        for start in range(0, len(inputs) - self._size + 1, self._size):
            rows = order[start : start + self._size]
            yield inputs[rows], targets[rows]


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(isinstance(part, Tensor) for part in value)


def _degenerate(pair: Sequence[Tensor]) -> Message | None:
    inputs, targets = pair
    if len(inputs) != len(targets):
        raise SpecError(f"got {len(inputs)} inputs but {len(targets)} targets: each input needs exactly one target")
    if len(inputs) == 0:
        return Message("find.empty")
    if len(inputs) == 1:
        return Message("find.one_sample")
    for part in pair:
        bad = int((~torch.isfinite(part)).sum()) if part.is_floating_point() else 0
        if bad:
            return Message("find.bad_data", {"count": bad})
    if bool((targets == targets[:1]).all()):
        return Message("find.one_target")
    return None
