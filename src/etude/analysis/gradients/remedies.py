"""Which remedy helps, each at its own best learning rate.

Axes: S seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from etude.analysis.answers import LOSS
from etude.analysis.plain import plain
from etude.analysis.race.pairs import compare, correct
from etude.analysis.race.reading import Race
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value


@dataclass(frozen=True)
class Gain:
    """What a remedy wins over doing nothing, both at their best learning rates among those that were run.

    Attributes:
        name: Of the remedy.
        loss: Its mean final loss.
        gain: How much lower that is than without it; negative where it harms.
        interval: Of the gain.
        corrected: Probability of a gain as large if there is none, corrected for the number of remedies (Holm).
        resolved: Whether that is at most 1 − confidence.
    """

    name: str
    loss: float
    gain: float
    interval: tuple[float, float]
    corrected: float
    resolved: bool


def settled(race: Race, without: str) -> Race:
    """The race, compared as remedies are: each with doing nothing, and among each other, two families of their own.

    As in ``analysis.race`` a difference must hold at the learning rates that all seeds choose and at those that the other
    seeds choose, and exceed what a finer grid might have won for the loser. Unlike there, an arm that nowhere learned counts
    as what it reached: the claim is about the learning rates that were run.
    """
    arms = tuple(replace(arm, slack=arm.slack if np.isfinite(arm.slack) else 0.0) for arm in race.arms)
    confidence = race.options.confidence
    pairs = compare(arms, confidence)
    own = [pair for pair in pairs if without in (pair.first, pair.second)]
    among = [pair for pair in pairs if without not in (pair.first, pair.second)]
    return replace(race, arms=arms, pairs=(*correct(own, confidence), *correct(among, confidence)))


def gains(race: Race, without: str) -> list[Gain]:
    """Gains of all other arms over ``without``, the lowest loss first; of a race that is settled."""
    found = []
    for pair in race.pairs:
        if without not in (pair.first, pair.second):
            continue
        better = pair.second == without
        name, (low, high) = pair.first if better else pair.second, pair.interval
        loss = next(arm.mean for arm in race.arms if arm.name == name)
        gain, interval = (pair.difference, (low, high)) if better else (-pair.difference, (-high, -low))
        found.append(Gain(name, loss, gain, interval, pair.corrected, pair.resolved))
    return sorted(found, key=lambda g: g.loss)


def remedy_finding(race: Race, part: str, without: str) -> Finding:
    """Which remedies lower the final loss, and which lowers it most?

    Args:
        race: The remedies, and doing nothing; settled.
        part: Whom they are to help: ``"exploding"``, ``"vanishing"`` or ``"recurrent"``.
        without: The arm that does nothing.
    """
    base = next(arm for arm in race.arms if arm.name == without)
    name, found = f"{part}_remedy", gains(race, without)
    helped = [g for g in found if g.resolved and g.gain > 0]
    rest = [g.name for g in found if g not in helped]
    details = {"without": base.mean, "gains": {g.name: vars(g) for g in found}, "lr": {a.name: a.lr for a in race.arms}}
    question = Message(f"gradients.{part}.question")
    values: dict[str, Value] = {
        "loss": base.mean,
        "lr": base.lr,
        "remedies": len(found),
        "level": 100 * race.options.confidence,
        "seeds": len(base.tuned),
    }
    if not helped:
        why = Message(f"gradients.{part}.none", values | {"rest": "; ".join(rest)})
        return Finding(name, question, Verdict.INCONCLUSIVE, why, unit=LOSS, details=plain(details), runs=race.runs)
    best = helped[0]
    low, high = best.interval
    arm = next(a for a in race.arms if a.name == best.name)
    values |= {
        "best": best.name,
        "best_lr": arm.lr,
        "gain": best.gain,
        "low": low,
        "high": high,
    }
    values |= {"helped": "; ".join(f"{g.name} ({g.loss:.2g})" for g in helped)}
    if rest:
        statement = Message(f"gradients.{part}.some", values | {"rest": "; ".join(rest)})
    else:
        statement = Message(f"gradients.{part}.all", values)
    return Finding(
        name, question, Verdict.SUPPORTED, statement, best.gain, best.interval, LOSS, plain(details), race.runs
    )
