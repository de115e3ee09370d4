"""What is trained: a model, data, a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

Split = Literal["train", "validation"]


class Task(Protocol):
    """A model, data and a loss, all deterministic functions of a seed."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash over data, model structure and loss."""
        ...

    @property
    def classification(self) -> bool:
        """Whether accuracy is defined: targets are class indices."""
        ...

    @property
    def criterion(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The function behind ``loss``, by which an engine recognizes one that it can differentiate by hand."""
        ...

    def init(self, seed: int) -> nn.Module:
        """A freshly initialized model in training mode; leaves torch's global generator as it was."""
        ...

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean loss over a batch, a scalar."""
        ...

    def size(self, split: Split) -> int:
        """Number of examples in a split."""
        ...

    def batch(self, seed: int, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Training batch of a step, a pure function of its arguments.

        Each epoch is a fresh permutation; the rest of an epoch that does not fill a batch is left out.
        """
        ...

    def examples(self, split: Split, limit: int | None = None) -> tuple[Tensor, Tensor]:
        """The first ``limit`` examples of a split in a fixed shuffled order (all of them if ``None``)."""
        ...

    def metrics(self, output: Tensor, target: Tensor) -> dict[str, float]:
        """Mean metrics over the given examples besides the loss, such as ``{"accuracy": 0.93}``."""
        ...
