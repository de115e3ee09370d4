"""The result of a fork test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from etude.core.errors import SpecError
from etude.core.trace import Array


@final
@dataclass(frozen=True, eq=False)
class Fork:
    """What became of copies of a run that went on for some steps with other learning rates, on the same batches.

    Attributes:
        step: Updates made before the copies parted.
        steps: Updates that each copy made.
        factors: What the learning rate was multiplied by in each copy, (F,); one of them is 1.
        before: Probe loss where the copies parted, (R,) for R repeats that differ in their batches.
        after: Probe loss of each copy at its end, (R, F); infinite where a copy diverged.
        held_out_before: As ``before``, on examples that are not trained on; ``None`` where there are none.
        held_out_after: As ``after``, on the same examples.

    Raises:
        SpecError: When shapes do not agree, or no factor is 1.
    """

    step: int
    steps: int
    factors: Array
    before: Array
    after: Array
    held_out_before: Array | None = None
    held_out_after: Array | None = None

    def __post_init__(self) -> None:
        if (self.held_out_before is None) != (self.held_out_after is None):
            raise SpecError("needs held-out losses from before and after the copies parted, got one of them: give both")
        for losses in (self.after, self.held_out_after):
            if losses is not None and losses.shape != (len(self.before), len(self.factors)):
                raise SpecError(
                    f"needs losses of shape {(len(self.before), len(self.factors))}, got {losses.shape}: "
                    "one row per repeat, one column per factor"
                )
        if not np.any(self.factors == 1):
            raise SpecError(f"needs a copy at factor 1 to compare with, got {self.factors.tolist()}: add it")

    @property
    def on_held_out(self) -> Fork | None:
        """The same test with the held-out losses in place of the others; ``None`` where there are none."""
        if self.held_out_before is None or self.held_out_after is None:
            return None
        return Fork(self.step, self.steps, self.factors, self.held_out_before, self.held_out_after)
