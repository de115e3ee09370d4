"""From short runs to a learning rate for the run that is planned, with its interval and what it may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etude.analysis.finder.horizon import USUAL, Drift, carried, carried_interval
from etude.analysis.finder.runs import Best, ShortRun, curve_of

_BELOW_EDGE = 2.0  # an octave: what was not varied, such as more steps, may lower the edge
_PLACES = 41


@dataclass(frozen=True)
class Verdict:
    """A learning rate for a horizon.

    Attributes:
        lr: Recommended peak.
        interval: Where the best one may lie.
        regret: Loss that is given away on average if the best one lies about where it is expected, with the interval as four
            standard deviations in log η, and the curve has the shape that the short runs show.
        share: The same as a share of the descent of the best short run.
        capped: Whether the edge, and not the curve, decided.
        drift: By which it was carried over to the horizon.
    """

    lr: float
    interval: tuple[float, float]
    regret: float
    share: float
    capped: bool
    drift: Drift


def conclude(runs: Sequence[ShortRun], best: Best, sound: float | None, horizon: int, drift: Drift = USUAL) -> Verdict:
    """Carry the best learning rate of short runs over to the horizon, and stay an octave below the edge.

    Args:
        runs: Runs of one length.
        best: What they say.
        sound: Largest learning rate that is known to lie below the edge, if the edge is known.
        horizon: Steps that are planned.
        drift: How the best learning rate falls with the horizon.
    """
    steps = runs[0].planned
    wished = carried(best.lr, steps, horizon, drift.exponent)
    low, high = carried_interval(best.low, best.high, steps, horizon, drift)
    lr = min(wished, sound / _BELOW_EDGE) if sound is not None else wished
    lr = max(lr, low)
    regret = _regret(runs, best, lr, wished, (low, high))
    return Verdict(lr, (low, max(high, lr)), regret, regret / abs(best.descent), lr < wished, drift)


def _regret(runs: Sequence[ShortRun], best: Best, lr: float, wished: float, interval: tuple[float, float]) -> float:
    """Mean over places of the best learning rate, by a bell curve about the one that is expected, cut at the interval."""
    lrs, values = curve_of(runs)
    finite = np.isfinite(values)
    low, high = np.log10(interval)
    places = np.linspace(low, high, _PLACES)
    weights = np.exp(-(((places - np.log10(wished)) / ((high - low) / 4)) ** 2) / 2)
    there = np.log10(best.lr) + np.log10(lr) - places
    lost = np.interp(there, np.log10(lrs[finite]), values[finite]) - values[finite].min()
    return float(np.average(np.minimum(lost, abs(best.descent)), weights=weights))
