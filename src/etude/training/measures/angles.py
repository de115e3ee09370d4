"""Angles: between successive gradients, and between a gradient and the update before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from etude.core.measure import Columns, Moment


@final
@dataclass(frozen=True)
class GradientCosine:
    r"""Whether successive gradients agree: column ``gradient_cosine``.

    .. math:: \frac{\langle g_t, g_{t-1} \rangle}{\lVert g_t \rVert \lVert g_{t-1} \rVert}

    Near 1 the steps could be longer; below 0 they cross a valley. NaN at the first step, and where a gradient is zero.

    Example:
        >>> GradientCosine()
        GradientCosine()
    """

    def at_step(self, moment: Moment) -> Columns:
        """Cosines (K,)."""
        from etude.training.vectors import cosines

        return {"gradient_cosine": cosines(moment.grads, moment.last_grads)}


@final
@dataclass(frozen=True)
class Alignment:
    r"""Whether the loss goes on falling along the last update, seen from where it led: column ``alignment``.

    .. math:: \frac{\langle g_t, -u_{t-1} \rangle}{\lVert g_t \rVert \lVert u_{t-1} \rVert}, \quad u_{t-1} = w_t - w_{t-1}

    Positive where the update stopped short of the lowest point along its line, negative where it went beyond; the sign is
    the derivative of the loss with respect to the learning rate. NaN at the first step.

    Example:
        >>> Alignment()
        Alignment()
    """

    def at_step(self, moment: Moment) -> Columns:
        """Cosines (K,)."""
        from etude.training.vectors import cosines

        return {"alignment": -cosines(moment.grads, moment.last_update)}
