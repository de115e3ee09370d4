"""What the races, the edges and the first steps say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from etude.analysis.answers import OCTAVES
from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.race.findings import fair, forgiving, winner
from etude.analysis.statistics import means
from etude.analysis.warmup import PeakShift, StepLengths, peak_shifts, step_lengths
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.studies.arms import Sweep
from etude.studies.warmup.arms import LENGTHS, METRIC, USUAL, WITHOUT, races

ENOUGH = 2.0
"""First steps more than twice as long as later ones are what a warm-up is there to shorten."""


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """The findings: does warm-up pay, which length, shape and schedule, how far the edge moves, how long first steps are."""
    options = sweeps[0].options
    found = races(sweeps, options)
    findings = [_named(winner(race), f"{name}_winner") for name, race in found.items()]
    findings += [peak_shift(sweeps, options), _named(forgiving(found["length"]), "length_basin")]
    findings += [first_steps(sweeps, options)]
    return [*findings, *(_named(fair(race), f"{name}_fair") for name, race in found.items())]


def _named(finding: Finding, name: str) -> Finding:
    return replace(finding, name=name, question=Message(f"warmup.{name}.question"))


def shifts_of(sweeps: Sequence[Sweep], options: SweepOptions) -> list[PeakShift]:
    """How the highest peak that still trains moves with the length of a linear warm-up."""
    by_schedule = {sweep.arm.name: sweep.table for sweep in sweeps}
    return peak_shifts({name: by_schedule[text] for name, text in LENGTHS.items()}, WITHOUT, METRIC, options)


def peak_shift(sweeps: Sequence[Sweep], options: SweepOptions) -> Finding:
    """How much higher a peak does a warm-up of the usual length allow?"""
    shifts = shifts_of(sweeps, options)
    usual = next(shift for shift in shifts if shift.name == USUAL)
    tables = [sweep.table for sweep in sweeps if sweep.arm.name in LENGTHS.values()]
    runs = tuple(run for table in tables for run in table.hashes)
    details = {
        "length": [shift.name for shift in shifts],
        "octaves": [shift.octaves for shift in shifts],
        "interval": [shift.interval for shift in shifts],
        "corrected_p": [shift.corrected for shift in shifts],
    }
    question = Message("warmup.peak.question")
    if not np.isfinite(usual.octaves):
        why = Message("warmup.peak.open")
        return Finding(
            "peak_shift", question, Verdict.INCONCLUSIVE, why, unit=OCTAVES, details=plain(details), runs=runs
        )
    low, high = usual.interval
    values: dict[str, Value] = {
        "length": USUAL,
        "factor": 2**usual.octaves,
        "low": 2**low,
        "high": 2**high,
        "seeds": len(tables[0].seeds),
        "level": 100 * options.confidence,
        "count": len(shifts),
    }
    resolved = usual.corrected <= 1 - options.confidence
    kind = "unclear" if not resolved else "higher" if usual.octaves > 0 else "lower"
    verdict = {"higher": Verdict.SUPPORTED, "lower": Verdict.REFUTED, "unclear": Verdict.INCONCLUSIVE}[kind]
    statement = Message(f"warmup.peak.{kind}", values)
    return Finding(
        "peak_shift", question, verdict, statement, usual.octaves, usual.interval, OCTAVES, plain(details), runs
    )


def lengths_of(sweep: Sweep, options: SweepOptions) -> tuple[float, StepLengths] | None:
    """The best learning rate of a watched arm, and the lengths of its updates there; ``None`` where a run diverged."""
    table, base = sweep.table, sweep.arm.base
    best = int(np.argmin(means(table.result(METRIC))))
    traces = [cell for cell in table.cells[best] if cell is not None and not cell.outcome.diverged]
    if len(traces) < len(table.seeds) or "update_norm" not in traces[0].per_step:
        return None
    lr = float(table.lrs[best])
    rates = np.array([lr * base.schedule(t) for t in range(base.steps)])
    norms = np.array([trace.per_step["update_norm"] for trace in traces])
    return lr, step_lengths(norms[:, rates > 0], rates[rates > 0], options.confidence)


def first_steps(sweeps: Sequence[Sweep], options: SweepOptions) -> Finding:
    """Are the first steps longer than those that follow, at the same learning rate?"""
    sweep = next(s for s in sweeps if s.arm.name == LENGTHS[WITHOUT])
    question, runs = Message("warmup.first.question"), sweep.table.hashes
    found = lengths_of(sweep, options)
    if found is None or len(sweep.table.seeds) < 2:
        return Finding("first_steps", question, Verdict.INCONCLUSIVE, Message("warmup.first.unknown"), runs=runs)
    lr, lengths = found
    low, high = lengths.interval
    values: dict[str, Value] = {"lr": lr, "ratio": lengths.first, "low": low, "high": high, "settled": lengths.settled}
    values |= {
        "seeds": len(sweep.table.seeds),
        "level": 100 * options.confidence,
        "rule": type(sweep.arm.base.rule).__name__,
    }
    kind = "long" if low > ENOUGH else "short" if high < ENOUGH else "unclear"
    verdict = {"long": Verdict.SUPPORTED, "short": Verdict.REFUTED, "unclear": Verdict.INCONCLUSIVE}[kind]
    statement = Message(f"warmup.first.{kind}", values)
    details = plain({"settled_steps": lengths.settled, "lr": lr})
    return Finding("first_steps", question, verdict, statement, lengths.first, lengths.interval, "", details, runs)
