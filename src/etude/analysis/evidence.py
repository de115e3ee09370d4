"""When the evidence is too thin for an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etude.analysis.basin import tolerated
from etude.analysis.optimum import Optimum
from etude.analysis.options import SweepOptions
from etude.analysis.statistics import block_test, t_interval
from etude.analysis.table import SweepTable
from etude.core.message import Message, Value

_HIDDEN = 0.5
"""Share of the stable learning rates that must hide in the noise before a choice among them is one of chance."""

_CHANCE = 0.1
"""A rise in accuracy below this has to be resolved over seeds. A larger one counts even when it is not: with few unequal
classes an untrained network may sit at the share of either class, so the rise scatters although all was learned."""


@dataclass(frozen=True)
class Evidence:
    """What stands in the way of an answer, each as the sentence that says so and what would help; ``None``: nothing.

    Attributes:
        diverged: Every run diverged.
        untrained: Nothing was learned.
        seeds: There are too few seeds to recommend anything.
        grid_end: The best lies at an end of the grid.
        noise: Most learning rates cannot be told from the best because seeds differ too much.
    """

    diverged: Message | None
    untrained: Message | None
    seeds: Message | None
    grid_end: Message | None
    noise: Message | None

    @property
    def against_curve(self) -> Message | None:
        """First objection to saying anything about the loss as a function of η."""
        return self.diverged or self.untrained

    @property
    def against_best(self) -> Message | None:
        """First objection to naming a best learning rate."""
        return self.against_curve or self.noise or self.grid_end

    @property
    def against_recommendation(self) -> Message | None:
        """First objection to recommending a learning rate."""
        return self.diverged or self.seeds or self.untrained or self.noise or self.grid_end


def weigh(table: SweepTable, optimum: Optimum, options: SweepOptions) -> Evidence:
    """Look for what makes a sweep inconclusive."""
    seeds = len(table.seeds)
    low, high = float(table.lrs[0]), float(table.lrs[-1])
    end = optimum.at_end
    return Evidence(
        diverged=Message("cannot_say.diverged", {"low": low, "high": high}) if _nothing_held(table) else None,
        untrained=_untrained(table, optimum, options),
        seeds=Message("cannot_say.seeds", {"seeds": seeds, "needed": options.min_seeds})
        if seeds < options.min_seeds
        else None,
        grid_end=None if end is None else Message(f"cannot_say.grid_{end}", {"lr": low if end == "low" else high}),
        noise=_noise(table, optimum, options),
    )


def few_seeds(table: SweepTable, needed: int) -> Message | None:
    """The objection that an interval needs at least ``needed`` seeds."""
    seeds = len(table.seeds)
    return Message("cannot_say.seeds", {"seeds": seeds, "needed": needed}) if seeds < needed else None


def _nothing_held(table: SweepTable) -> bool:
    return not bool((table.ran & ~table.diverged).any())


def _untrained(table: SweepTable, optimum: Optimum, options: SweepOptions) -> Message | None:
    """Nothing was learned when the untrained network is as good as the best within the tolerance, or within noise.

    Where accuracy is known it must rise as well: a network that only learns how frequent the classes are lowers its
    loss and knows nothing.
    """
    values: dict[str, Value] = {"loss": optimum.loss, "initial": optimum.initial}
    if not optimum.initial > tolerated(optimum.loss, optimum.initial, options):
        return Message("cannot_say.untrained", values)
    if len(table.seeds) < max(3, options.min_seeds):
        return None
    gains = table.baseline(optimum.metric) - table.final(optimum.metric)[optimum.index]
    if t_interval(gains, options.confidence)[0] <= 0:
        return Message("cannot_say.untrained", values)
    accuracy = optimum.metric.replace("loss", "accuracy")
    rise = table.final(accuracy)[optimum.index] - table.baseline(accuracy)
    known = rise[np.isfinite(rise)]
    if len(known) and known.mean() < _CHANCE and t_interval(known, options.confidence)[0] <= 0:
        final = float(np.nanmean(table.final(accuracy)[optimum.index]))
        return Message("cannot_say.chance", {"accuracy": final, "initial": float(np.mean(table.baseline(accuracy)))})
    return None


def _noise(table: SweepTable, optimum: Optimum, options: SweepOptions) -> Message | None:
    """Seeds scatter more than learning rates differ.

    The best of many is always somewhat ahead, so comparisons with it alone would find a difference in noise; the
    question is put to all stable learning rates at once. A plateau that is known well is not noise.
    """
    stable = np.flatnonzero(np.isfinite(optimum.means) & ~table.diverged.any(axis=1) & table.ran.all(axis=1))
    hidden, among = int(optimum.unresolved[stable].sum()), len(stable) - 1
    if among < 1 or hidden < _HIDDEN * among:
        return None
    if len(table.seeds) > 1 and block_test(table.result(optimum.metric)[stable]) < 1 - options.confidence:
        return None
    return Message("cannot_say.noise", {"hidden": hidden, "among": among, "seeds": len(table.seeds)})
