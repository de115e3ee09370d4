"""Which remedy helps, each at its own best learning rate.

Axes: S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from etude.analysis.answers import LOSS
from etude.analysis.plain import plain
from etude.analysis.race.pairs import FEWEST_SEEDS, holm, paired_probability
from etude.analysis.race.reading import Race
from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import t_interval
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


def gains(arms: Sequence[TunedArm], without: str, confidence: float) -> list[Gain]:
    """Gains of all other arms over ``without``, paired over seeds.

    As in ``analysis.race`` a gain must hold at the learning rates that all seeds choose and at those that the other seeds
    choose, and exceed what a finer grid might have won for the loser. Unlike there, an arm that nowhere learned counts as
    what it reached: the claim is about the learning rates that were run.
    """
    base = next(arm for arm in arms if arm.name == without)
    found, chances = [], []
    for arm in arms:
        if arm.name == without:
            continue
        ways = [base.tuned - arm.tuned, base.held_out - arm.held_out]
        loser = base if arm.mean <= base.mean else arm
        slack = loser.slack if np.isfinite(loser.slack) else 0.0
        ends = [t_interval(way, confidence) for way in ways]
        gain = float(ways[0].mean())
        agree = gain * float(ways[1].mean()) > 0 and len(arm.tuned) >= FEWEST_SEEDS
        chances.append(max(paired_probability(way, slack) for way in ways) if agree else 1.0)
        interval = min(low for low, _ in ends), max(high for _, high in ends)
        found.append(Gain(arm.name, arm.mean, gain, interval, 1.0, resolved=False))
    corrected = holm(chances)
    return [replace(g, corrected=p, resolved=p <= 1 - confidence) for g, p in zip(found, corrected, strict=True)]


def remedy_finding(race: Race, name: str, without: str, key: str) -> Finding:
    """Which remedies lower the final loss, and which lowers it most?

    Args:
        race: The remedies, and doing nothing.
        name: Of the finding.
        without: The arm that does nothing.
        key: The question's key in the catalogue.
    """
    base = next(arm for arm in race.arms if arm.name == without)
    found = sorted(gains(race.arms, without, race.options.confidence), key=lambda g: g.loss)
    helped = [g for g in found if g.resolved and g.gain > 0]
    rest = [g.name for g in found if g not in helped]
    details = {"without": base.mean, "gains": {g.name: vars(g) for g in found}, "lr": {a.name: a.lr for a in race.arms}}
    question = Message(key)
    values: dict[str, Value] = {
        "loss": base.mean,
        "lr": base.lr,
        "remedies": len(found),
        "level": 100 * race.options.confidence,
        "seeds": len(base.tuned),
    }
    if not helped:
        why = Message("gradients.remedies.none", values | {"rest": ", ".join(rest)})
        return Finding(name, question, Verdict.INCONCLUSIVE, why, unit=LOSS, details=plain(details), runs=race.runs)
    best = helped[0]
    low, high = best.interval
    arm = next(a for a in race.arms if a.name == best.name)
    values |= {
        "best": best.name,
        "best_loss": best.loss,
        "best_lr": arm.lr,
        "gain": best.gain,
        "low": low,
        "high": high,
    }
    values |= {"helped": ", ".join(f"{g.name} ({g.loss:.2g})" for g in helped)}
    if rest:
        statement = Message("gradients.remedies.some", values | {"rest": ", ".join(rest)})
    else:
        statement = Message("gradients.remedies.all", values)
    return Finding(
        name, question, Verdict.SUPPORTED, statement, best.gain, best.interval, LOSS, plain(details), race.runs
    )
