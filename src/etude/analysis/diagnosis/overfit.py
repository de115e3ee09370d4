"""Held-out loss that rises while the training loss falls: not the learning rate."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value

GAVE_BACK = 0.1
BEFORE = 0.7
LEARNED = 0.1


def overfitting(e: Evidence) -> Diagnosis | None:
    """D22. The held-out loss has given back a tenth of its descent since its minimum, and the training loss went on falling.

    The minimum must lie before 70 % of the steps, and the rise must be seen at the last three evaluations.
    """
    held_out, train = e.point("validation_loss"), e.point("train_loss")
    if held_out is None or train is None or len(held_out) < 6 or not np.isfinite(held_out).all():
        return None
    best = int(np.argmin(held_out))
    descent = float(held_out[0] - held_out[best])
    if descent <= LEARNED * abs(held_out[0]) or e.places[best] > BEFORE * e.places[-1]:
        return None
    risen = float(held_out[-3:].min() - held_out[best])
    if risen < GAVE_BACK * descent or train[-3:].max() >= train[best]:
        return None
    values: dict[str, Value] = {
        "step": int(e.places[best]),
        "lowest": float(held_out[best]),
        "last": float(held_out[-1]),
        "share": float(held_out[-1] - held_out[best]) / descent,
    }
    return Diagnosis(
        fault=Fault.OVERFITTING,
        symptom=Message("diagnosis.overfitting.symptom", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(
            Message("diagnosis.overfitting.remedy", {"step": int(e.places[best])}),
            changes={"stop_at": float(e.places[best])},
        ),
        falsifier=Message("diagnosis.overfitting.falsifier"),
        began=int(e.places[best]),
        estimate=risen / descent,
    )
