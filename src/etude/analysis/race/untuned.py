"""What arms reach at a learning rate that was not tuned: a usual default, or the η = 1 of a rule that finds its own.

Axes: S seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from etude.analysis.race.pairs import FEWEST_SEEDS, Pair, correct, paired_probability
from etude.analysis.race.price import losses_at
from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import t_interval
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class Untuned:
    """An arm at one given learning rate, against a tuned one.

    Attributes:
        name: The arm's name.
        lr: The given learning rate.
        losses: (S,) its losses there; NaN where a seed was spared.
        pair: Comparison with the tuned arm, which is ``first``; ``difference`` is the regret, and may be negative against
            another arm.
    """

    name: str
    lr: float
    losses: Array
    pair: Pair

    @property
    def mean(self) -> float:
        """Mean loss over the seeds that ran."""
        return float(np.nanmean(self.losses))


def regrets_at(
    arms: Sequence[TunedArm], lrs: Mapping[str, float], confidence: float, against: TunedArm | None = None
) -> list[Untuned]:
    """Compare arms at given learning rates with themselves at their tuned peaks, or with the tuned ``against``.

    As in ``pairs.compare``, a regret must hold against the tuned losses and against those at learning rates chosen without
    the seed, and all regrets are corrected together (Holm). Arms that two seeds did not run near it are left out, and
    so are arms about whose best nothing can be said, unless they are compared with another.
    """
    found = []
    for arm in arms:
        if arm.name not in lrs or (against is None and arm.objection is not None):
            continue
        losses = losses_at(arm.table, arm.metric, lrs[arm.name])
        if np.isfinite(losses).sum() >= min(2, len(losses)):
            found.append((arm.name, losses, _pair(arm.name, losses, against or arm, confidence)))
    pairs = correct([pair for _, _, pair in found], confidence)
    return [Untuned(name, lrs[name], losses, pair) for (name, losses, _), pair in zip(found, pairs, strict=True)]


def _pair(name: str, losses: Array, tuned: TunedArm, confidence: float) -> Pair:
    ran = np.isfinite(losses)
    ways = [(losses - own)[ran] for own in (tuned.tuned, tuned.held_out)]
    ends = [t_interval(way, confidence) for way in ways]
    difference = float(ways[0].mean())
    agree = all(float(way.mean()) * difference > 0 for way in ways)
    p = max(paired_probability(way) for way in ways) if agree and ran.sum() >= FEWEST_SEEDS else 1.0
    interval = (min(low for low, _ in ends), max(high for _, high in ends) + tuned.slack)
    return Pair(tuned.name, name, difference, interval, p, p, resolved=False)
