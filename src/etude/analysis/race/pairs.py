"""Which arms differ: all pairs, paired over seeds, corrected for their number.

Axes: S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.special import stdtr

from etude.analysis.race.tuned import TunedArm
from etude.analysis.statistics import t_interval
from etude.core.trace import Array

FEWEST_SEEDS = 3
"""With two seeds a difference has one degree of freedom, and no effect is large enough for a corrected test."""


@dataclass(frozen=True)
class Pair:
    """A comparison of two arms, each at its own tuned peak.

    Attributes:
        first: Name of the arm with the lower mean loss (of the two in their order, when equal).
        second: Name of the other.
        difference: Mean over seeds of loss(second) − loss(first), >= 0.
        interval: Of the difference, for this pair alone.
        p: Two-sided probability of a difference as large if there is none, for this pair alone.
        corrected: The same for the whole family of comparisons (Holm).
        resolved: Whether ``corrected`` is at most 1 − confidence.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p: float
    corrected: float
    resolved: bool


def compare(arms: Sequence[TunedArm], confidence: float = 0.95) -> list[Pair]:
    """Compare all pairs of arms, corrected for their number.

    Two ways of judging a tuned arm err in opposite directions. Judged at the best learning rate of all seeds, the arm with
    more or noisier learning rates is flattered. Judged at learning rates chosen without the seed, losses correlate, and
    Student's test finds differences that are not there: in simulated races without any difference it did so in up to 20 %
    at a nominal 5 %. So a difference must hold in both ways, and exceed what a finer grid might have won for the loser
    (``TunedArm.slack``). Then, in simulated races of other kinds than those that this was chosen on, at most 4 % show a
    difference where there is none (3 to 8 seeds, grids up to an octave wide; 7 % at one and a half octaves), and real ones
    are found nearly as often as by the first way alone.

    With fewer than three seeds nothing is resolved.
    """
    return correct([_pair(a, b, confidence) for a, b in combinations(arms, 2)], confidence)


def correct(pairs: Sequence[Pair], confidence: float = 0.95) -> list[Pair]:
    """The same pairs, corrected as one family of comparisons."""
    corrected = holm([pair.p for pair in pairs])
    return [replace(pair, corrected=p, resolved=p <= 1 - confidence) for pair, p in zip(pairs, corrected, strict=True)]


def holm(probabilities: Sequence[float]) -> list[float]:
    r"""Probabilities corrected for their number, step by step.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\left(1,\; (m - j + 1)\, p_{(j)}\right)

    with p sorted ascending and m of them. Rejecting where p̃ ≤ α keeps the probability of any false rejection below α,
    however the tests depend on each other.

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6, p. 65.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(1.0, np.arange(len(p), 0, -1) * p[order]))
    out = np.empty_like(p)
    out[order] = stepped
    return [float(value) for value in out]


def paired_probability(differences: Array, slack: float = 0.0) -> float:
    r"""Two-sided probability of paired differences whose mean exceeds ``slack`` by as much, if it exceeds it by nothing.

    .. math:: p = 2\,F_{S-1}\!\left(-\frac{\max(0, |\bar d| - \text{slack})}{s/\sqrt S}\right)

    Without slack it is Student's paired test. Fewer than two differences: 1.

    Example:
        >>> round(paired_probability(np.array([1.0, 2.0, 3.0])), 4)
        0.0742
    """
    if len(differences) < 2:
        return 1.0
    excess = max(0.0, abs(float(differences.mean())) - slack)
    error = float(differences.std(ddof=1)) / np.sqrt(len(differences))
    if excess == 0:
        return 1.0
    return 2 * float(stdtr(len(differences) - 1, -excess / error)) if error > 0 else 0.0


def _pair(a: TunedArm, b: TunedArm, confidence: float) -> Pair:
    if b.mean < a.mean:
        a, b = b, a
    ways = [b.tuned - a.tuned, b.held_out - a.held_out]
    ends = [t_interval(way, confidence) for way in ways]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    contradict = float(ways[1].mean()) <= 0
    enough = len(a.tuned) >= FEWEST_SEEDS and not contradict
    p = max(paired_probability(way, b.slack) for way in ways) if enough else 1.0
    interval = (low - b.slack, high + a.slack)
    return Pair(a.name, b.name, float(ways[0].mean()), interval, p, p, resolved=False)
