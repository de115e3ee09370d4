"""How a gradient becomes a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

State = dict[str, "Tensor"]


class UpdateRule(Protocol):
    """One optimizer, written for one parameter tensor of one lane and correct for K of them.

    A concrete rule is a frozen dataclass of its hyperparameters. Tensors may carry a leading lane axis; every operation
    must then act within a lane, and ``lr`` comes shaped to broadcast against the parameter.

    The update works in place. A pure update would copy every parameter and moment at every step, and that traffic is
    what a small model's step costs; the slow twin in the tests is ``torch.optim``.
    """

    def init(self, param: Tensor) -> State:
        """State before the first step, each entry shaped like ``param`` or broadcasting against it."""
        ...

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make step number ``step`` (from 0), in place on ``param`` and ``state``; ``grad`` may be overwritten."""
        ...
