"""A race read once, for all its findings and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from etude.analysis.options import SweepOptions
from etude.analysis.race.cliques import unbeaten
from etude.analysis.race.forgiveness import Forgiveness, forgiveness
from etude.analysis.race.pace import Paces, paces
from etude.analysis.race.pairs import Pair, compare
from etude.analysis.race.price import Prices, prices
from etude.analysis.race.tuned import TunedArm, tune
from etude.analysis.table import SweepTable


@dataclass(frozen=True, eq=False)
class Race:
    """Arms at equal budget.

    Attributes:
        arms: In the order given, at least two.
        metric: The final loss that decides.
        options: How they are analysed.
        steps: Horizon of every run.
        batch_size: Examples per step of every run.
        pairs: Comparisons of all arms.
    """

    arms: tuple[TunedArm, ...]
    metric: str
    options: SweepOptions
    steps: int
    batch_size: int
    pairs: tuple[Pair, ...]

    @cached_property
    def ranked(self) -> tuple[TunedArm, ...]:
        """The arms, the lowest mean loss first."""
        return tuple(sorted(self.arms, key=lambda arm: arm.mean))

    @property
    def best(self) -> TunedArm:
        """The arm of the lowest mean loss."""
        return self.ranked[0]

    @cached_property
    def tied(self) -> tuple[TunedArm, ...]:
        """The other arms that cannot be told from the best, the lowest mean loss first."""
        level = unbeaten({arm.name: arm.mean for arm in self.arms}, self.pairs)
        return tuple(arm for arm in self.ranked[1:] if arm.name in level)

    @cached_property
    def prices(self) -> Prices:
        """What it costs to use another arm's tuned peak."""
        return prices(self.arms, self.options.confidence)

    @cached_property
    def forgiveness(self) -> Forgiveness:
        """The arms' basins."""
        return forgiveness(self.arms, self.options)

    @cached_property
    def paces(self) -> Paces:
        """Steps to a common training loss."""
        return paces(self.arms, self.options)

    @property
    def runs(self) -> tuple[str, ...]:
        """Hashes of all runs that it rests on."""
        return tuple(run for arm in self.arms for run in arm.table.hashes)


def read_race(
    tables: Mapping[str, SweepTable], metric: str, options: SweepOptions, steps: int, batch_size: int
) -> Race:
    """Tune every arm and compare all pairs.

    Raises:
        SpecError: With fewer than two arms, when seeds differ between arms, when no learning rate of an arm was run on
            every seed, or when the metric was not measured.
    """
    arms = tuple(tune(tables, metric, options))
    return Race(arms, metric, options, steps, batch_size, tuple(compare(arms, options.confidence)))
