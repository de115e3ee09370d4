"""The closed-loop factor of the learning rate: it reads measurements."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

StateT = TypeVar("StateT")


class Controller(Protocol[StateT]):
    """A multiplier per lane, computed from what was measured.

    Attributes:
        reads: Name of the measurement it needs, such as ``"train_loss"``.
    """

    reads: str

    def init(self, lanes: int) -> StateT:
        """State of ``lanes`` lanes before the first reading."""
        ...

    def update(self, state: StateT, reading: NDArray[np.float64]) -> tuple[NDArray[np.float64], StateT]:
        """Multipliers (K,) [1 = peak learning rate] and the new state, from a reading (K,)."""
        ...
