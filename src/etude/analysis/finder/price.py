"""What a learning rate costs that some method names, by the truth of a sweep over the whole horizon.

Axes: L learning rates, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from etude.analysis.finder.classical import classical
from etude.analysis.finder.ramp import Ramp, has_exploded, level
from etude.analysis.race.pairs import FEWEST_SEEDS, Pair, correct, paired_probability
from etude.analysis.statistics import means, t_interval
from etude.analysis.table import SweepTable
from etude.core.trace import Array

RULES = ("valley", "slide", "minimum", "steep")


@dataclass(frozen=True, eq=False)
class Price:
    """What a method's learning rates lose.

    Attributes:
        name: The method.
        steps: Training steps that it takes.
        lrs: (S,) learning rate that it names; NaN where it names none.
        regrets: (S,) share of the attainable range that is lost there; NaN where it names none.
        interval: Student's, of their mean.
    """

    name: str
    steps: int
    lrs: Array
    regrets: Array
    interval: tuple[float, float]

    @property
    def lr(self) -> float:
        """Geometric mean of what it names."""
        return float(np.exp(np.nanmean(np.log(self.lrs))))

    @property
    def mean(self) -> float:
        """Mean regret."""
        return float(np.nanmean(self.regrets))


def price(name: str, steps: int, lrs: Array, table: SweepTable, metric: str, confidence: float) -> Price:
    r"""Judge the learning rates η_s that a method names for each seed by the final losses ℓ_s(η) of a sweep.

    .. math:: r_s = \frac{\ell_s(\eta_s) - \ell_s(\eta^*)}{\bar\ell_0 - \bar\ell(\eta^*)}

    with η* the learning rate of the lowest mean loss, ℓ_0 the loss before training, and ℓ_s linear in log η between the
    learning rates that were run; below and above them it counts as at the end. A method may do better than η* on a seed.
    """
    losses = table.result(metric)
    best = int(np.argmin(means(losses)))
    attainable = float(table.baseline(metric).mean() - losses[best].mean())
    x = np.log(table.lrs)
    at = np.array([np.interp(np.log(lr), x, column) for lr, column in zip(lrs, losses.T, strict=True)])
    regrets = (at - losses[best]) / attainable if attainable > 0 else np.full(len(lrs), np.nan)
    return Price(name, steps, lrs, regrets, t_interval(regrets, confidence))


def compare_prices(prices: Sequence[Price], confidence: float) -> list[Pair]:
    """All pairs of methods, paired over seeds, corrected for their number; below three seeds nothing is resolved."""
    return correct([_pair(a, b, confidence) for a, b in combinations(prices, 2)], confidence)


def _pair(a: Price, b: Price, confidence: float) -> Pair:
    if b.mean < a.mean:
        a, b = b, a
    differences = b.regrets - a.regrets
    differences = differences[np.isfinite(differences)]
    p = paired_probability(differences) if len(differences) >= FEWEST_SEEDS else 1.0
    return Pair(a.name, b.name, b.mean - a.mean, t_interval(differences, confidence), p, p, resolved=False)


def played(lrs: Array, losses: Array) -> Ramp:
    """The part of a ramp that a finder would have played: up to the step at which its loss has exploded."""
    for t in range(len(losses)):
        if has_exploded(losses[: t + 1], *level(losses[: t + 1])):
            return Ramp(lrs[: t + 1], losses[: t + 1])
    return Ramp(lrs[: len(losses)], losses)


def suggestions(ramps: Sequence[Ramp]) -> dict[str, Array]:
    """(S,) learning rate of every rule for each of S ramps; NaN where a ramp is too short to be read."""
    read = [classical(ramp) for ramp in ramps]
    return {rule: np.array([own.get(rule, np.nan) for own in read]) for rule in RULES}
