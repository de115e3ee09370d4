r"""When a run counts as diverged: a declared rule on its losses.

A loss at NaN is not the definition: on Fashion-MNIST an MLP trains to a finite, useless end at learning rates far beyond
the edge. With ℓ0 the training loss at step 0, ℓ_min the lowest and ℓ_T the last evaluated training loss, a run *diverged* when

1. **exploded**: a loss is not finite, or beyond ``EXPLOSION``·|ℓ0| (the lane leaves the stack at that step); or
2. **gave back**: ℓ_T − ℓ_min ≥ ½·max(ℓ0 − ℓ_min, |ℓ0|/20): it lost at least half of the descent that it had made; or
3. **never came back**: its training loss had shot beyond 2·|ℓ0| and ℓ_T > ℓ0 − |ℓ0|/5.

Clause 2 alone decides on a quadratic: a mode beyond 2/λ grows whatever the other modes do. The floor |ℓ0|/20 keeps
runs that hardly move (η too small) from being called diverged for noise. Clause 3 finds networks whose units died in
an early explosion and which end as a constant predictor, just below ℓ0. Catapults that recover are healthy: peaks of 500·ℓ0
are known to end well (Lewkowycz et al. 2020), so clause 1 waits for far more.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from etude.core.trace import Ending, Outcome

EXPLOSION = 1e6


def explosion_limit(initial_loss: float) -> float:
    """Loss beyond which a lane leaves the stack at once."""
    return EXPLOSION * max(abs(initial_loss), 1e-6)


def judge(
    losses: NDArray[np.float64],
    evaluated: NDArray[np.float64],
    evaluated_at: NDArray[np.float64],
    exploded_at: int | None,
) -> Outcome:
    """Decide how a run ended.

    Args:
        losses: Training loss before each step, (T,).
        evaluated: Evaluated training losses, (E,); the first at step 0, the last at the end.
        evaluated_at: Their steps, (E,).
        exploded_at: Step at which the run left its stack, or ``None``.

    Example:
        >>> judge(np.array([2.0, 1.0]), np.array([2.0, 0.5]), np.array([0, 2]), None).ending.value
        'completed'
        >>> judge(np.array([2.0, 2.5]), np.array([2.0, 3.0]), np.array([0, 2]), None).reason
        'gave back'
    """
    if exploded_at is not None:
        return Outcome(Ending.DIVERGED, exploded_at, "exploded")
    if not np.isfinite(evaluated).all():
        first = int(np.flatnonzero(~np.isfinite(evaluated))[0])
        return Outcome(Ending.DIVERGED, int(evaluated_at[first]), "exploded")
    initial, lowest, last = float(evaluated[0]), float(evaluated.min()), float(evaluated[-1])
    scale = abs(initial)
    if last - lowest >= 0.5 * max(initial - lowest, scale / 20) and last > lowest:
        return Outcome(Ending.DIVERGED, int(evaluated_at[int(evaluated.argmin())]), "gave back")
    peak = float(losses.max()) if losses.size else -math.inf
    if peak > 2 * scale and last > initial - scale / 5:
        return Outcome(Ending.DIVERGED, int(losses.argmax()), "never came back")
    return Outcome(Ending.COMPLETED, int(evaluated_at[-1]))
