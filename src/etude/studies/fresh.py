"""What the chosen learning rate gives on seeds that took no part in choosing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.spec import RunSpec
from etude.core.trace import Trace
from etude.studies.arms import Sweep
from etude.studies.etude import Etude
from etude.studies.spec import StudySpec

FRESH_SEEDS = 5
"""Enough for a t-interval that is no wider than four standard errors."""

CHOICES = ("recommended_lr", "best_lr_validation")
"""Findings whose learning rate the reader will use, the first of them that has one."""


def fresh_runs(etude: Etude, spec: StudySpec, sweep: Sweep, findings: Sequence[Finding]) -> list[RunSpec]:
    """The runs that check the choice of a sweep that spared runs; none where it chose nothing.

    The lowest of many noisy means is lower than it would be again, because luck helped to choose it.
    """
    estimates = {found.name: found.estimate for found in findings}
    chosen = next((lr for name in CHOICES if (lr := estimates.get(name)) is not None), None)
    if etude.aim is None or chosen is None:
        return []
    return [replace(sweep.arm.base, peak_lr=chosen, seed=spec.seeds + i) for i in range(FRESH_SEEDS)]


def fresh_finding(etude: Etude, sweep: Sweep, runs: Sequence[tuple[RunSpec, Trace]]) -> Finding:
    """How the chosen learning rate does on fresh seeds."""
    metric, options = etude.objective, sweep.options
    table = SweepTable.of(runs)
    losses = table.result(metric)[0]
    lr, (low, high) = float(table.lrs[0]), t_interval(losses, options.confidence)
    values: dict[str, Value] = {"lr": lr, "loss": float(losses.mean()), "low": low, "high": high}
    values |= {"seeds": len(losses), "level": 100 * options.confidence}
    kind = "held"
    if table.diverged.any():
        kind, values = "diverged", values | {"diverged": int(table.diverged.sum())}
    return Finding(
        "fresh",
        Message("fresh.question"),
        Verdict.REFUTED if table.diverged.any() else Verdict.SUPPORTED,
        Message(f"fresh.{kind}.{metric}", values),
        float(losses.mean()),
        (low, high),
        "loss",
        {"metric": metric, "lr": lr, "losses": losses.tolist()},
        table.hashes,
    )
