"""All rules on one run, and which verdict comes first."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from etude.analysis.diagnosis.batch import batch_size
from etude.analysis.diagnosis.clipping import clipping
from etude.analysis.diagnosis.depth import bad_init, symmetric, vanishing
from etude.analysis.diagnosis.diverging import diverging
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.floor import noise_floor, plateau
from etude.analysis.diagnosis.high import too_high
from etude.analysis.diagnosis.layers import frozen, imbalance
from etude.analysis.diagnosis.low import too_low
from etude.analysis.diagnosis.oscillation import edge, oscillation
from etude.analysis.diagnosis.overfit import overfitting
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.recurrent import time_explosion
from etude.analysis.diagnosis.rotation import rotation
from etude.analysis.diagnosis.schedules import decayed_early, long_warmup, no_warmup, wrong_schedule
from etude.analysis.diagnosis.spikes import spikes
from etude.analysis.diagnosis.units import dead_units, saturated
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault
from etude.core.message import Message, Value

STALLED, HALFWAY = 0.1, 0.8
"""A run whose descent was over early (G below the first) with much of the loss left is not called healthy."""

CLOSE = 12
"""Most steps between a spike and the breakdown that it brought about."""

RULES: tuple[Callable[[Evidence], Diagnosis | None], ...] = (
    wrong_schedule, frozen, symmetric, bad_init, vanishing, saturated, time_explosion, no_warmup, long_warmup, decayed_early,
    clipping, imbalance, too_high, too_low, diverging, oscillation, spikes, dead_units, noise_floor, batch_size, rotation,
    overfitting, plateau, edge,
)  # fmt: skip
"""In the order of ``Fault``."""

CAUSES: dict[Fault, tuple[Fault, ...]] = {
    Fault.TOO_LOW: (
        Fault.WRONG_SCHEDULE, Fault.BAD_INIT, Fault.VANISHING, Fault.SATURATED, Fault.CLIPPING, Fault.LONG_WARMUP,
        Fault.DECAYED_EARLY, Fault.FROZEN_PARAMETER, Fault.IMBALANCE, Fault.SYMMETRY, Fault.OVERFITTING,
        Fault.ROTATION,
    ),
    Fault.TOO_HIGH: (Fault.WRONG_SCHEDULE, Fault.BAD_INIT, Fault.TIME_EXPLOSION),
    Fault.DIVERGING: (Fault.WRONG_SCHEDULE, Fault.TIME_EXPLOSION, Fault.TOO_HIGH),
    Fault.OSCILLATION: (Fault.TOO_HIGH,),
    Fault.SPIKE: (Fault.BAD_INIT, Fault.TIME_EXPLOSION, Fault.NO_WARMUP, Fault.TOO_HIGH, Fault.DIVERGING),
    Fault.DEAD_UNITS: (Fault.BAD_INIT, Fault.NO_WARMUP, Fault.TOO_HIGH, Fault.DIVERGING),
    Fault.SATURATED: (Fault.BAD_INIT, Fault.TOO_HIGH, Fault.DIVERGING),
    Fault.VANISHING: (Fault.SYMMETRY,),
    Fault.BAD_INIT: (Fault.SYMMETRY,),
    Fault.NO_WARMUP: (Fault.BAD_INIT, Fault.TOO_HIGH),
    Fault.IMBALANCE: (Fault.VANISHING, Fault.BAD_INIT, Fault.TOO_HIGH, Fault.ROTATION),
    Fault.OVERFITTING: (Fault.TOO_HIGH,),
    Fault.NOISE_FLOOR: (Fault.BATCH_SIZE, Fault.TOO_HIGH, Fault.OSCILLATION, Fault.DIVERGING, Fault.SPIKE),
    Fault.BATCH_SIZE: (Fault.TOO_HIGH,),
    Fault.ROTATION: (Fault.TOO_HIGH,),
    Fault.PLATEAU: (
        Fault.SYMMETRY, Fault.BAD_INIT, Fault.VANISHING, Fault.SATURATED, Fault.CLIPPING, Fault.TOO_HIGH, Fault.TOO_LOW,
        Fault.DEAD_UNITS, Fault.FROZEN_PARAMETER, Fault.TIME_EXPLOSION, Fault.DIVERGING, Fault.SPIKE,
    ),
}  # fmt: skip
"""What may have brought a fault about; it is then told of as its consequence."""


def diagnose(run: RunRecord) -> list[Diagnosis]:
    """Say what is wrong with a run, causes before consequences; if nothing is, that is the one verdict.

    With less evidence less is said: rules that find their columns missing keep silent, and a run of which nothing about the
    learning rate can be known is ``Fault.UNDECIDED``, with the evidence that would decide.

    Args:
        run: The record.

    Returns:
        At least one verdict: first what has no cause among the others, in the order of ``Fault``; then what may be its
        consequence; information last.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # Columns may hold anything. What overflows or is empty becomes NaN, with which no comparison holds.
        warnings.simplefilter("ignore", RuntimeWarning)
        return _verdicts(Evidence(run))


def _verdicts(e: Evidence) -> list[Diagnosis]:
    found = [verdict for rule in RULES if (verdict := rule(e)) is not None]
    seen = {verdict.fault for verdict in found}
    if seen & {
        Fault.TOO_HIGH,
        Fault.DIVERGING,
    }:  # what is left of the loss after a breakdown says nothing of short steps
        found = [verdict for verdict in found if verdict.fault is not Fault.TOO_LOW]
    began = {verdict.fault: verdict.began for verdict in found}
    resolution = _resolution(e)

    def cause(v: Diagnosis) -> Fault | None:
        late = Fault.DIVERGING if (began.get(Fault.DIVERGING) or 0) > (v.began or 0) + resolution else None
        return next((c for c in CAUSES.get(v.fault, ()) if c in seen and c is not late), None)

    told = _blame_spikes([replace(v, cause=cause(v)) for v in found], resolution)
    if not any(v.accuses for v in told):
        told.append(_nothing_wrong(e))
    return _without_contradictions(sorted(told, key=lambda v: (not v.accuses, v.cause is not None)))


def _without_contradictions(told: list[Diagnosis]) -> list[Diagnosis]:
    """Leave out what an earlier verdict denies: that nothing explains the plateau, or that η should go the other way."""
    kept: list[Diagnosis] = []
    for verdict in told:
        turns = {np.sign(np.log(v.remedy.lr_factor)) for v in (*kept, verdict) if v.remedy is not None}
        if not ({-1.0, 1.0} <= turns or (verdict.fault is Fault.PLATEAU and verdict.cause is not None)):
            kept.append(verdict)
    return kept


def _resolution(e: Evidence) -> int:
    """Steps within which a breakdown can be dated: those between two evaluations, where some of its signs are read."""
    return max(CLOSE, int(np.diff(e.places).max())) if len(e.places) > 1 else CLOSE


def _blame_spikes(told: list[Diagnosis], resolution: int) -> list[Diagnosis]:
    """A run that went well and broke down right after a spike broke down because of it."""
    spike = next((v for v in told if v.fault is Fault.SPIKE), None)
    steps = spike.details["steps"] if spike is not None else None
    if not isinstance(steps, list):
        return told

    def follows(v: Diagnosis) -> bool:
        broke = v.fault in (Fault.DIVERGING, Fault.TOO_HIGH) and v.began is not None
        return broke and any(-CLOSE <= (v.began or 0) - step <= resolution for step in steps)

    if not any(follows(v) for v in told):
        return told
    return [replace(v, cause=None if v is spike else Fault.SPIKE if follows(v) else v.cause) for v in told]


def _nothing_wrong(e: Evidence) -> Diagnosis:
    """Healthy, if the evidence could have shown a learning rate that is too low or too high; else undecided."""
    aligned, gain = e.alignment(), e.gain
    if len(e.loss) > 0 and not np.isfinite(e.loss).any():
        return Diagnosis(
            Fault.UNDECIDED,
            Message("diagnosis.undecided.never_finite"),
            Confidence.CERTAIN,
            wanted=(Message("diagnosis.wanted.forward"),),
        )
    if len(e.loss) < 30 or e.progress is None:
        return Diagnosis(
            Fault.UNDECIDED,
            Message("diagnosis.undecided.short", {"steps": len(e.loss)}),
            Confidence.POSSIBLE,
            wanted=(Message("diagnosis.wanted.steps"),),
        )
    made: dict[str, Value] = {"start": e.start or 0.0, "end": e.end or 0.0}
    if (aligned is None and e.q is None) or gain is None:
        return Diagnosis(
            Fault.UNDECIDED,
            Message("diagnosis.undecided.blind", made),
            Confidence.POSSIBLE,
            estimate=e.progress,
            wanted=(Message("diagnosis.wanted.alignment"), Message("diagnosis.wanted.fork")),
        )
    values = made | {"gain": min(max(gain[0], 0.0), 1.0)}
    if gain[0] < STALLED and e.progress < HALFWAY and e.run.fork is None:
        return Diagnosis(
            Fault.UNDECIDED,
            Message("diagnosis.undecided.stalled", values),
            Confidence.POSSIBLE,
            estimate=e.progress,
            wanted=(Message("diagnosis.wanted.fork"),),
        )
    return Diagnosis(
        Fault.HEALTHY,
        Message("diagnosis.healthy.symptom", values),
        Confidence.LIKELY,
        falsifier=Message("diagnosis.healthy.falsifier"),
        estimate=e.progress,
        wanted=() if e.run.fork else (Message("diagnosis.wanted.fork"),),
    )
