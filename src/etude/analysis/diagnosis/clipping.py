"""Clipping that decides the length of every step."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.analysis.statistics import wilson_interval
from etude.core.message import Message

RATE = 0.5
STRONG = 0.3


def clipping(e: Evidence) -> Diagnosis | None:
    r"""D18. More than half of the gradients are clipped, the median one to less than 0.3 of its length.

    Clipping is then no protection but a smaller learning rate, η·c/‖g‖. The remedy undoes it: clip at the 95th percentile of
    the gradient norms. The learning rate is left as it is where the rule divides by the size of the gradient anyway.
    """
    factors = e.step("clip_factor")
    if factors is None or len(factors) < 20:
        return None
    known = factors[np.isfinite(factors)]
    clipped = int((known < 1).sum())
    low, high = wilson_interval(clipped, len(known))
    median = float(np.median(known)) if len(known) else 1.0
    if low <= RATE or median >= STRONG:
        return None
    norms = e.step("gradient_norm")
    clip = None if norms is None else float(np.nanpercentile(norms[e.plateau[: len(norms)]], 95))
    text = (
        Message("diagnosis.clipping.remedy_unknown", {"factor": 1 / max(median, 1e-9)})
        if clip is None
        else Message("diagnosis.clipping.remedy", {"clip": clip})
    )
    return Diagnosis(
        fault=Fault.CLIPPING,
        symptom=Message("diagnosis.clipping.symptom", {"rate": clipped / len(known), "median": median}),
        confidence=Confidence.LIKELY,
        remedy=Remedy(text, changes={} if clip is None else {"clip_norm": clip}),
        falsifier=Message("diagnosis.clipping.falsifier"),
        began=int(np.argmax(factors < 1)),
        estimate=clipped / len(known),
        interval=(low, high),
    )
