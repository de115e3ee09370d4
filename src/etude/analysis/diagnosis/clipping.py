"""Clipping that decides the length of every step."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.analysis.statistics import wilson_interval
from etude.core.message import Message

RATE = 0.5
STRONG = 0.3
LOOSE = 10.0
"""A limit on entries is raised by so much more than the median gradient has lost: the largest entries lose most, and are
several times the root mean square."""


def clipping(e: Evidence) -> Diagnosis | None:
    r"""D18. More than half of the gradients are clipped, the median one to less than 0.3 of its length.

    Clipping is then no protection but a smaller learning rate, η·c/‖g‖. The remedy undoes it: clip at the 95th percentile of
    the gradient norms, or raise the limit that entries are cut off at by what the median gradient has lost.
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
    return Diagnosis(
        fault=Fault.CLIPPING,
        symptom=Message("diagnosis.clipping.symptom", {"rate": clipped / len(known), "median": median}),
        confidence=Confidence.LIKELY,
        remedy=_remedy(e, 1 / max(median, 1e-9)),
        falsifier=Message("diagnosis.clipping.falsifier"),
        began=int(np.argmax(factors < 1)),
        estimate=clipped / len(known),
        interval=(low, high),
    )


def _remedy(e: Evidence, factor: float) -> Remedy:
    """A limit that leaves most gradients alone."""
    norms, cut = e.step("gradient_norm"), e.run.clip_value
    if cut is not None:
        factor *= LOOSE
        text = Message("diagnosis.clipping.remedy_value", {"limit": factor * cut, "factor": factor})
        return Remedy(text, changes={"clip_value": factor * cut})
    if norms is None:
        return Remedy(Message("diagnosis.clipping.remedy_unknown", {"factor": factor}))
    clip = float(np.nanpercentile(norms[e.plateau[: len(norms)]], 95))
    return Remedy(Message("diagnosis.clipping.remedy", {"clip": clip}), changes={"clip_norm": clip})
