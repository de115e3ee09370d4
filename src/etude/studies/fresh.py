"""What chosen learning rates give on seeds that took no part in choosing them.

The lowest of many noisy means is lower than it would be again, because luck helped to choose it. Arms that are run on fresh
seeds, each at the learning rate that it chose before, are compared without that luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from etude.analysis.plain import plain
from etude.analysis.race.pairs import Pair, correct, paired_probability
from etude.analysis.race.tuned import tuned_peak
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.spec import RunSpec
from etude.core.trace import Array, Trace
from etude.studies.arms import Sweep
from etude.studies.etude import Etude
from etude.studies.spec import StudySpec

FRESH_SEEDS = 5
"""Enough for a t-interval that is no wider than four standard errors."""

CHOICES = ("recommended_lr", "best_lr_validation")
"""Findings whose learning rate the reader will use, the first of them that has one."""


def fresh_runs(
    etude: Etude, spec: StudySpec, sweeps: Sequence[Sweep], findings: Sequence[Finding]
) -> dict[str, list[RunSpec]]:
    """The runs that check what the arms of a study that spared runs chose, by the arm; none where it chose nothing."""
    if etude.aim is None:
        return {}
    chosen = {s.arm.name: _choice(etude, s, findings, alone=len(sweeps) == 1) for s in sweeps}
    seeds = range(spec.seeds, spec.seeds + FRESH_SEEDS)
    return {
        s.arm.name: [replace(s.arm.base, peak_lr=lr, seed=seed) for seed in seeds]
        for s in sweeps
        if (lr := chosen[s.arm.name]) is not None
    }


def _choice(etude: Etude, sweep: Sweep, findings: Sequence[Finding], *, alone: bool) -> float | None:
    """A recommendation where one sweep leads to one; the tuned peak, at which arms are compared, else."""
    if alone:
        estimates = {found.name: found.estimate for found in findings}
        return next((lr for name in CHOICES if (lr := estimates.get(name)) is not None), None)
    if etude.compared(sweep.arm) is None:
        return None
    return tuned_peak(sweep.table, etude.objective, sweep.options)[1].grid_lr


def fresh_findings(
    etude: Etude, sweeps: Sequence[Sweep], runs: Mapping[str, Sequence[tuple[RunSpec, Trace]]]
) -> list[Finding]:
    """``fresh`` for each comparison of the étude, the first one's by that name: how its arms do on fresh seeds."""
    groups: dict[str, list[_Again]] = {}
    for sweep in sweeps:
        if sweep.arm.name in runs:
            groups.setdefault(etude.compared(sweep.arm) or "", []).append(_again(etude, sweep, runs[sweep.arm.name]))
    found = []
    for number, (group, arms) in enumerate(groups.items()):
        name = f"fresh_{group}" if number else "fresh"
        found.append(_of_one(name, etude, arms[0]) if len(arms) == 1 else _of_several(name, etude, arms))
    return found


@dataclass(frozen=True, eq=False)
class _Again:
    """An arm, run again.

    Attributes:
        name: The arm's name.
        level: Mean loss at its chosen learning rate in the sweep.
        table: Its runs on fresh seeds.
        losses: (S,) their final losses.
        confidence: Of intervals.
    """

    name: str
    level: float
    table: SweepTable
    losses: Array
    confidence: float

    @property
    def mean(self) -> float:
        return float(self.losses.mean())

    @property
    def interval(self) -> tuple[float, float]:
        return t_interval(self.losses, self.confidence)


def _again(etude: Etude, sweep: Sweep, runs: Sequence[tuple[RunSpec, Trace]]) -> _Again:
    table = SweepTable.of(runs)
    level = tuned_peak(sweep.table, etude.objective, sweep.options)[1].loss
    return _Again(sweep.arm.name, level, table, table.result(etude.objective)[0], sweep.options.confidence)


def _of_one(name: str, etude: Etude, own: _Again) -> Finding:
    metric, lr, (low, high) = etude.objective, float(own.table.lrs[0]), own.interval
    values: dict[str, Value] = {"lr": lr, "loss": own.mean, "low": low, "high": high}
    values |= {"seeds": len(own.losses), "level": 100 * own.confidence}
    kind = "held"
    if own.table.diverged.any():
        kind, values = "diverged", values | {"diverged": int(own.table.diverged.sum())}
    return Finding(
        name,
        Message("fresh.question"),
        Verdict.REFUTED if own.table.diverged.any() else Verdict.SUPPORTED,
        Message(f"fresh.{kind}.{metric}", values),
        own.mean,
        own.interval,
        "loss",
        {"metric": metric, "lr": lr, "losses": own.losses.tolist()},
        own.table.hashes,
    )


def _of_several(name: str, etude: Etude, arms: Sequence[_Again]) -> Finding:
    """Who is best on fresh seeds; no correction for tuning is needed there, but one for the number of comparisons is."""
    confidence, pairs = arms[0].confidence, _pairs(arms)
    best, first = min(arms, key=lambda own: own.mean), min(arms, key=lambda own: own.level)
    beaten = {pair.second for pair in pairs if pair.resolved and pair.first == best.name}
    kind = "same" if best is first else "beaten" if first.name in beaten else "tied"
    verdict = {"same": Verdict.SUPPORTED, "beaten": Verdict.REFUTED, "tied": Verdict.INCONCLUSIVE}[kind]
    low, high = best.interval
    values: dict[str, Value] = {"arms": len(arms), "seeds": len(best.losses), "level": 100 * confidence}
    values |= {"best": best.name, "loss": best.mean, "low": low, "high": high, "pairs": len(pairs)}
    values["resolved"] = sum(pair.resolved for pair in pairs)
    if best is not first:
        values |= {"first": first.name, "again": first.mean}
    details = {
        "metric": etude.objective,
        "lr": {own.name: float(own.table.lrs[0]) for own in arms},
        "losses": {own.name: own.losses for own in arms},
        "mean": {own.name: own.mean for own in arms},
        "in_sweep": {own.name: own.level for own in arms},
        "diverged": {own.name: int(own.table.diverged.sum()) for own in arms},
        "pairs": [vars(pair) for pair in pairs],
    }
    return Finding(
        name,
        Message("fresh.race.question", {"first": arms[0].name, "others": len(arms) - 1}),
        verdict,
        Message(f"fresh.race.{kind}", values),
        best.mean,
        best.interval,
        "loss",
        plain(details),
        tuple(run for own in arms for run in own.table.hashes),
    )


def _pairs(arms: Sequence[_Again]) -> list[Pair]:
    found = []
    for a, b in combinations(sorted(arms, key=lambda own: own.mean), 2):
        difference = b.losses - a.losses
        p = paired_probability(difference)
        interval = t_interval(difference, a.confidence)
        found.append(Pair(a.name, b.name, float(np.mean(difference)), interval, p, p, resolved=False))
    return correct(found, arms[0].confidence)
