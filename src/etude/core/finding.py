"""A conclusion: one question, one answer, and what the answer rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from etude.core.message import Message


class Verdict(StrEnum):
    """What the evidence says of a question."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Finding:
    """One question answered from measurements.

    Attributes:
        name: Stable identifier, such as ``"best_lr"``.
        question: What was asked.
        verdict: ``INCONCLUSIVE`` when the evidence does not carry an answer; then ``estimate`` is ``None`` and the
            statement says why, and what would decide.
        statement: The answer in words.
        estimate: The number, or ``None`` for "cannot say".
        interval: (low, high) around the estimate, or ``None``; how it was made is in the statement.
        unit: Of the estimate and the interval; empty for a plain number.
        details: Further numbers, JSON-compatible, for programs that read the finding.
        runs: Content hashes of the runs that the answer rests on.
    """

    name: str
    question: Message
    verdict: Verdict
    statement: Message
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""
    details: dict[str, object] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
