"""The closed-loop factor of the learning rate: it reads measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

PerLane = NDArray[np.float64]
"""One number per lane, (K,)."""

ControllerState = dict[str, PerLane]

STEP_READINGS = ("loss", "gradient_norm", "gradient_cosine")
"""What is read before every update, from the step's batch: loss, gradient norm before clipping, cosine of the angle to the
gradient before. Every other name is a loss or a metric of the evaluations, such as ``validation_loss``, and read when one has
taken place. A controller reads either the ones or the others, since it is updated once for each reading."""


@runtime_checkable
class Controller(Protocol):
    """A multiplier per lane, computed from what was measured.

    A concrete controller is a frozen dataclass of its settings, and a pure state machine: every lane's multiplier follows from
    that lane's readings alone, so lanes can leave the stack like rows of any other state. A warm-up is a schedule that
    multiplies it.
    """

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the measurements it needs, such as ``("validation_loss",)``."""
        ...

    def init(self, peak_lr: PerLane) -> ControllerState:
        """State before the first reading, each entry (K,), of lanes with these peak learning rates (K,)."""
        ...

    def update(self, state: ControllerState, reading: Mapping[str, PerLane]) -> tuple[PerLane, ControllerState]:
        """Multipliers (K,) [1 = peak learning rate] and the new state, from readings, each (K,)."""
        ...
