"""The sides of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from etude.analysis.options import SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.table import SweepTable
from etude.core.message import Message
from etude.core.spec import RunSpec


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: runs that share everything but learning rate and seed.

    Attributes:
        name: Unique in the study, such as ``"cosine"`` or ``"momentum=0.9"``.
        label: What the reader calls it.
        base: Any run of the arm; its learning rate and seed are replaced.
        lrs: Learning rates to begin with, ascending.
    """

    name: str
    label: Message | str
    base: RunSpec
    lrs: tuple[float, ...]

    def runs(self, plan: Plan, seeds: int) -> list[RunSpec]:
        """The runs of a plan, by default with seeds 0 … seeds−1."""
        every = tuple(range(seeds))
        return [replace(self.base, peak_lr=lr, seed=seed) for lr in plan.lrs for seed in plan.seeds.get(lr, every)]


@dataclass(frozen=True, eq=False)
class Sweep:
    """An arm and what became of it.

    Attributes:
        arm: The arm.
        table: Its runs, laid out.
        options: How they are analysed; ``lr_range`` is the range of the arm's first learning rates.
    """

    arm: Arm
    table: SweepTable
    options: SweepOptions


def tables(sweeps: Sequence[Sweep]) -> dict[str, SweepTable]:
    """The sweeps' tables by the names of their arms."""
    return {sweep.arm.name: sweep.table for sweep in sweeps}
