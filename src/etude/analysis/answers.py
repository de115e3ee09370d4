"""Findings from numbers: what every answer of a sweep has in common."""

from __future__ import annotations

from typing import Any

from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value

LEARNING_RATE, OCTAVES, STEPS, LOSS = "learning rate", "octaves", "steps", "loss"


def answer(
    table: SweepTable,
    name: str,
    question: Message,
    statement: Message,
    estimate: float,
    interval: tuple[float, float] | None,
    unit: str,
    details: dict[str, Any],
    verdict: Verdict = Verdict.SUPPORTED,
) -> Finding:
    """An answer that the evidence carries, resting on all runs of the sweep.

    The interval is widened to hold the estimate: resampling a flat or lopsided curve may leave it just outside.
    """
    if interval is not None:
        interval = (min(interval[0], estimate), max(interval[1], estimate))
    return Finding(name, question, verdict, statement, estimate, interval, unit, plain(details), table.hashes)


def cannot_say(
    table: SweepTable, name: str, question: Message, why: Message, unit: str, details: dict[str, Any]
) -> Finding:
    """An honest "cannot say, because …": no estimate; what was measured stays in the details."""
    return Finding(name, question, Verdict.INCONCLUSIVE, why, unit=unit, details=plain(details), runs=table.hashes)


def basis(table: SweepTable, metric: str, options: SweepOptions) -> dict[str, Any]:
    """Details that every finding about a final loss states."""
    return {"metric": metric, "seeds": len(table.seeds), "confidence": options.confidence}


def level(table: SweepTable, options: SweepOptions) -> dict[str, Value]:
    """What a sentence needs to qualify its interval."""
    return {"level": 100 * options.confidence, "seeds": len(table.seeds)}
