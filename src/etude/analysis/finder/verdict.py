"""From short runs to a learning rate for the run that is planned, with its interval and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from etude.analysis.finder.horizon import USUAL, Drift, carried, carried_interval
from etude.analysis.finder.runs import Best, ShortRun, curve_of

Confidence = Literal["high", "medium", "low"]

_BELOW_EDGE = 2.0  # an octave: what was not varied, such as more steps, may lower the edge
_NARROW, _WIDE = 0.5, 1.2  # decades of the interval
_AGREE = 0.3  # decades between orders of the batches
_PLACES = 41


@dataclass(frozen=True)
class Verdict:
    """A learning rate for a horizon.

    Attributes:
        lr: Recommended peak.
        interval: Where the best one may lie.
        confidence: In words.
        regret: Loss that is given away on average if the best one lies anywhere in the interval, all places in log η equally
            likely, and the curve has the shape that the short runs show.
        capped: Whether the edge, and not the curve, decided.
        drift: By which it was carried over to the horizon.
    """

    lr: float
    interval: tuple[float, float]
    confidence: Confidence
    regret: float
    capped: bool
    drift: Drift


def conclude(
    runs: Sequence[ShortRun], best: Best, sound: float | None, horizon: int, drift: Drift = USUAL, *, paired: bool
) -> Verdict:
    """Carry the best learning rate of short runs over to the horizon, and stay an octave below the edge.

    Args:
        runs: Runs of one length.
        best: What they say.
        sound: Largest learning rate that is known to lie below the edge, if the edge is known.
        horizon: Steps that are planned.
        drift: How the best learning rate falls with the horizon.
        paired: Whether all learning rates saw the same batches.
    """
    steps = runs[0].planned
    wished = carried(best.lr, steps, horizon, drift.exponent)
    low, high = carried_interval(best.low, best.high, steps, horizon, drift)
    lr = min(wished, sound / _BELOW_EDGE) if sound is not None else wished
    lr = max(lr, low)
    return Verdict(
        lr,
        (low, max(high, lr)),
        _confidence(best, low, high, paired=paired),
        _regret(runs, best, low / wished, high / wished),
        lr < wished,
        drift,
    )


def _confidence(best: Best, low: float, high: float, *, paired: bool) -> Confidence:
    width = float(np.log10(high / low))
    agree = best.spread is not None and best.spread <= _AGREE
    if paired and agree and width <= _NARROW:
        return "high"
    return "low" if width > _WIDE or not (paired or agree) else "medium"


def _regret(runs: Sequence[ShortRun], best: Best, low: float, high: float) -> float:
    lrs, values = curve_of(runs)
    finite = np.isfinite(values)
    places = np.linspace(np.log10(best.lr / high), np.log10(best.lr / low), _PLACES)
    losses = np.interp(places, np.log10(lrs[finite]), values[finite])
    return max(float(losses.mean() - values[finite].min()), 0.0)
