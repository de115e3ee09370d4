"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import final

from etude.core.message import Message


class Fault(StrEnum):
    """What a run may have. The order is that of causes: what stands earlier may have brought about what stands later."""

    WRONG_SCHEDULE = "wrong_schedule"
    FROZEN_PARAMETER = "frozen_parameter"
    SYMMETRY = "symmetry"
    BAD_INIT = "bad_init"
    VANISHING = "vanishing"
    SATURATED = "saturated"
    TIME_EXPLOSION = "time_explosion"
    NO_WARMUP = "no_warmup"
    LONG_WARMUP = "long_warmup"
    DECAYED_EARLY = "decayed_early"
    CLIPPING = "clipping"
    IMBALANCE = "imbalance"
    TOO_HIGH = "too_high"
    TOO_LOW = "too_low"
    DIVERGING = "diverging"
    OSCILLATION = "oscillation"
    SPIKE = "spike"
    DEAD_UNITS = "dead_units"
    NOISE_FLOOR = "noise_floor"
    BATCH_SIZE = "batch_size"
    ROTATION = "rotation"
    OVERFITTING = "overfitting"
    PLATEAU = "plateau"
    EDGE = "edge"
    HEALTHY = "healthy"
    UNDECIDED = "undecided"


INFORMATION = frozenset({Fault.EDGE, Fault.HEALTHY, Fault.UNDECIDED})
"""Verdicts that accuse the run of nothing."""


class Confidence(StrEnum):
    """How much a verdict rests on."""

    CERTAIN = "certain"
    """A fact of the record, such as a loss that is not finite, or a fork test."""
    LIKELY = "likely"
    """Several kinds of evidence agree beyond their thresholds."""
    POSSIBLE = "possible"
    """One kind of evidence alone; what would decide is named."""


@final
@dataclass(frozen=True)
class Remedy:
    """What to do, in words and as numbers that a program can apply.

    Attributes:
        text: The advice.
        lr_factor: What to multiply every learning rate by; 1 leaves it.
        restart: Whether to begin again from the initialization; else from the step at which the fault began.
        changes: Other changes by name: ``clip_norm``, ``clip_value``, ``warmup_steps``, ``batch_size``, ``init_gain``,
            ``output_gain``, ``redraw``, ``as_planned``, ``beta2``, ``decay_from`` [share of the horizon], ``stop_at`` [step],
            ``group_scale/PARAMETER``.
    """

    text: Message
    lr_factor: float = 1.0
    restart: bool = True
    changes: dict[str, float] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Diagnosis:
    """One verdict on a run.

    Attributes:
        fault: What it is.
        symptom: What was seen, with its numbers.
        confidence: How much it rests on.
        remedy: What to do; ``None`` where there is nothing to do.
        falsifier: What would show the verdict wrong.
        began: Step at which it began, or ``None`` where that has no meaning.
        estimate: The number that decided, or ``None``.
        interval: 95 % interval of the estimate, or ``None``; how it was made is in the symptom.
        unit: Of the estimate; empty for a plain number.
        cause: The fault of the same run that probably brought this one about; it stands earlier in the list.
        wanted: Evidence that is missing and would decide.
        details: Further numbers, JSON-compatible, for programs.
    """

    fault: Fault
    symptom: Message
    confidence: Confidence
    remedy: Remedy | None = None
    falsifier: Message | None = None
    began: int | None = None
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""
    cause: Fault | None = None
    wanted: tuple[Message, ...] = ()
    details: dict[str, object] = field(default_factory=dict)

    @property
    def accuses(self) -> bool:
        """Whether something is wrong."""
        return self.fault not in INFORMATION
