"""What the step was made with: the learning rate as applied, and how far gradients were clipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from etude.core.measure import Columns, Moment


@final
@dataclass(frozen=True)
class AppliedRate:
    r"""Learning rate of the step, peak · m(t) · controller, before group scales: column ``lr``.

    Example:
        >>> AppliedRate()
        AppliedRate()
    """

    def at_step(self, moment: Moment) -> Columns:
        """Learning rates (K,)."""
        return {"lr": moment.lr}


@final
@dataclass(frozen=True)
class ClipFactor:
    r"""What clipping multiplied the norm of the gradient by, in (0, 1]: column ``clip_factor``; 1 where it left it alone.

    The share of steps below 1 is the clip rate; the norm after clipping is this times ``gradient_norm``.

    Example:
        >>> ClipFactor()
        ClipFactor()
    """

    def at_step(self, moment: Moment) -> Columns:
        """Factors (K,)."""
        return {"clip_factor": moment.clip_factor}
