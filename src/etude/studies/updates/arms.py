"""What the étude trains: a sweep of the chosen rule, looked into at every step, and other rules at the same learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from etude.analysis.halving import Aim
from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.planning import Plan, plan
from etude.analysis.reading import SweepReading, read_sweep
from etude.analysis.table import SweepTable
from etude.analysis.updates.ratios import ratio_finding, rules_finding, tells_finding
from etude.core.finding import Finding
from etude.core.measure import Measure
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.etude import Tasks
from etude.studies.optimizers import read_optimizer
from etude.studies.spec import StudySpec
from etude.training.measures.norms import GradientNorm, UpdateNorm, UpdateRatio, WeightNorm
from etude.training.measures.sizes import Sizes

METRIC: LossMetric = "train_loss"

SWEEP = "sweep"
LR = "1e-3:1:13"
"""First learning rates, four per decade; extended where the best one or the edge lies beyond."""

EDGE_RATIO = 1.6
"""Widest bracket of the edge: the étude shows what happens beyond it, and need not know where it is."""

DECADE = 10.0
"""How far below the best one the learning rate lies that is shown as too low."""

RULES = {
    "SGD": "sgd(momentum=0)",
    "momentum": "sgd(momentum=0.9)",
    "RMSprop": "rmsprop",
    "Adam": "adam",
    "Lion": "lion",
}
"""Rules whose updates are compared at the same learning rates."""

RULE_LRS = (1e-3, 3e-3)
"""At which every one of them trains."""

SHOWN_LR = RULE_LRS[0]


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """The sweep, and one arm for each of the other rules."""
    (task,) = tasks.values()
    every_step = (
        GradientNorm(layers=True),
        WeightNorm(layers=True),
        UpdateNorm(layers=True),
        UpdateRatio(layers=True),
    )
    own = base_run(spec, task, (*measures, *every_step, Sizes()))
    lrs = spec.lrs if spec.lr is not None else spec.model_copy(update={"lr": LR}).lrs
    found = [Arm(SWEEP, type(own.rule).__name__, own, tuple(lrs))]
    other = base_run(spec, task, (*measures, Sizes()))
    found += [
        Arm(f"rule: {name}", name, replace(other, rule=read_optimizer(text, {})), RULE_LRS)
        for name, text in RULES.items()
    ]
    return tuple(found)


def next_lrs(sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:
    """Extend the sweep until its best learning rate and its edge lie inside."""
    sweep = next(sweep for sweep in sweeps if sweep.arm.name == SWEEP)
    return {SWEEP: plan(sweep.table, replace(sweep.options, edge_ratio=EDGE_RATIO))}


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """Best learning rate, basin and edge of the sweep; the other rules are read at all of their few learning rates."""
    own = replace(aim, metrics=(METRIC,), basin=True, edge=True)
    return {sweep.arm.name: own for sweep in sweeps if sweep.arm.name == SWEEP}


def in_no_race(arm: Arm) -> str | None:
    """The sweep has a best learning rate to be run again; the other rules have none."""
    return SWEEP if arm.name == SWEEP else None


@dataclass(frozen=True, eq=False)
class Look:
    """The sweep, read; and the learning rates that the page shows.

    Attributes:
        table: Its runs, at learning rates that can be compared.
        options: How they are analysed.
    """

    table: SweepTable
    options: SweepOptions

    @cached_property
    def reading(self) -> SweepReading:
        """Best, basin and edge."""
        return read_sweep(self.table, METRIC, self.options)

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """A decade below the best, the best, the last before the edge, the first beyond it; ascending, each once."""
        best = self.reading.optimum.index
        low = int(np.argmin(np.abs(np.log(self.table.lrs * DECADE / self.table.lrs[best]))))
        diverged = self.table.diverged.sum(axis=1) / self.table.ran.sum(axis=1)
        beyond = [row for row in range(best + 1, len(diverged)) if diverged[row] >= 0.5]
        holds = [row for row in range(best, beyond[0] if beyond else len(diverged)) if diverged[row] == 0]
        return tuple(sorted({low, best, *holds[-1:], *beyond[:1]}))

    @property
    def lrs(self) -> list[float]:
        """Learning rates of the rows."""
        return [float(self.table.lrs[row]) for row in self.rows]


def look(sweeps: Sequence[Sweep]) -> Look:
    """The étude's own sweep, ready to be read."""
    sweep = next(sweep for sweep in sweeps if sweep.arm.name == SWEEP)
    return Look(sweep.table.comparable(), sweep.options)


def rule_tables(sweeps: Sequence[Sweep]) -> dict[str, SweepTable]:
    """The other rules' runs by their names."""
    return {s.arm.name.removeprefix("rule: "): s.table for s in sweeps if s.arm.name.startswith("rule: ")}


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """The ratio at the best learning rate, whether it tells a wrong one, and how rules differ at the same one."""
    own = look(sweeps)
    return [
        ratio_finding(own.table, own.reading, own.options),
        tells_finding(own.table, own.reading, "low", own.options),
        tells_finding(own.table, own.reading, "high", own.options),
        rules_finding(rule_tables(sweeps), SHOWN_LR, own.options),
    ]
