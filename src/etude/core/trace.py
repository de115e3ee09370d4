"""The record of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Ending(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and at which step.

    Attributes:
        ending: Completed, diverged or stopped.
        step: For a completed run its horizon; else the first step that was not healthy any more.
        reason: Which clause of the divergence rule decided; empty for a completed run.
    """

    ending: Ending
    step: int
    reason: str = ""

    @property
    def diverged(self) -> bool:
        """Whether the run diverged."""
        return self.ending is Ending.DIVERGED


@dataclass(frozen=True)
class Trace:
    """What was measured while one run trained.

    A diverged run is data: its columns end where it left the stack.

    Attributes:
        spec_hash: Content hash of the run's ``RunSpec``.
        outcome: How the run ended.
        per_step: Columns with one value per optimizer step: ``"loss"``, taken before the update, and those of step measures,
            such as ``"gradient_norm"``, or ``"gradient_norm/0.weight"`` for one parameter.
        evaluations: Columns with one value per evaluation. ``"step"`` counts the updates made before it (0 … steps);
            the others are such as ``"train_loss"``, ``"validation_loss"``, ``"validation_accuracy"``, and point measures'.
        final: Numbers measured once at the end on more examples than the evaluations use, such as ``"train_loss"``,
            ``"validation_loss"``, ``"sharpness"``. Empty for a run that left its stack early.
    """

    spec_hash: str
    outcome: Outcome
    per_step: dict[str, Array] = field(default_factory=dict)
    evaluations: dict[str, Array] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
