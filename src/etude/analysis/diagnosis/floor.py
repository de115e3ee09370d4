"""A loss that falls no more: noise that a lower learning rate would average out, or nothing to do with the learning rate."""

from __future__ import annotations

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.forked import spared_by_fork, spread_of_fork
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value

WORTH = 0.1
LOWER = 0.5
"""Where the plan goes below this share of η by itself, it need not be told to."""
ALIKE = 0.01
NO_PROGRESS = 0.2


def noise_floor(e: Evidence) -> Diagnosis | None:
    """D6. The copy of a fork test at the lower learning rate is a tenth of the descent ahead, and no decay is planned."""
    spared = spared_by_fork(e.run.fork, e.start)
    if spared is None or spared.low <= 0 or spared.value < WORTH or _will_fall(e):
        return None
    assert e.run.fork is not None
    factor = 1 / float(e.run.fork.factors.min())
    values: dict[str, Value] = {
        "share": spared.value,
        "low": spared.low,
        "high": spared.high,
        "factor": factor,
        "steps": e.run.fork.steps,
    }
    return Diagnosis(
        fault=Fault.NOISE_FLOOR,
        symptom=Message("diagnosis.noise_floor.symptom", values),
        confidence=Confidence.CERTAIN,
        remedy=Remedy(
            Message("diagnosis.noise_floor.remedy", {"factor": factor}), restart=False, changes={"decay_from": 0.75}
        ),
        falsifier=Message("diagnosis.noise_floor.falsifier"),
        began=e.run.fork.step,
        estimate=spared.value,
        interval=(spared.low, spared.high),
    )


def plateau(e: Evidence) -> Diagnosis | None:
    """D8. Nothing was learned, and the learning rate is not why.

    With a fork test: the copies' losses differ by less than a hundredth. Without one this is only possible: it is said where
    the other rules found no reason, else as a consequence of theirs.
    """
    if e.progress is None or e.progress > NO_PROGRESS:
        return None
    made: dict[str, Value] = {"start": e.start or 0.0, "end": e.end or 0.0}
    spread = spread_of_fork(e.run.fork)
    wanted: tuple[Message, ...] = ()
    aligned = e.alignment()
    if spread is not None:
        if spread.value > ALIKE:
            return None
        confidence = Confidence.CERTAIN
        symptom = Message("diagnosis.plateau.forked", made | {"spread": spread.value})
    elif aligned is not None:
        confidence, wanted = Confidence.POSSIBLE, (Message("diagnosis.wanted.fork"),)
        low, high = aligned.interval()
        values: dict[str, Value] = {"cosine": aligned.mean, "low": low, "high": high}
        symptom = Message("diagnosis.plateau.symptom", made | values)
    else:
        return None
    return Diagnosis(
        fault=Fault.PLATEAU,
        symptom=symptom,
        confidence=confidence,
        remedy=Remedy(Message("diagnosis.plateau.remedy")),
        falsifier=Message("diagnosis.plateau.falsifier"),
        began=0,
        estimate=e.progress,
        wanted=wanted,
    )


def _will_fall(e: Evidence) -> bool:
    """Whether the plan lowers η soon enough after the fork."""
    planned, fork = e.run.planned_lr, e.run.fork
    if planned is None or fork is None or fork.step >= len(planned):
        return False
    return bool(planned[fork.step :].min() < LOWER * planned[fork.step])
