"""Gradients on their way back through time."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message

STEEP = 0.05
HEAVY = 5.0


def time_explosion(e: Evidence) -> Diagnosis | None:
    """D19. ‖∂L/∂h_t‖ grows on its way back by more than 10^0.05 per time step, and gradient norms have a heavy tail.

    Heavy: the 99th percentile is above five times the median. The slope is the median of the first third of the evaluations,
    since a network that is trained past its explosion may have saturated its way out of it.
    """
    slopes, norms = e.point("hidden_gradient/slope"), e.step("gradient_norm")
    if slopes is None or norms is None:
        return None
    early = slopes[: max(1, len(slopes) // 3)]
    slope = float(np.nanmedian(early)) if np.isfinite(early).any() else 0.0
    known = norms[np.isfinite(norms)]
    if len(known) < 50 or slope <= STEEP:
        return None
    middle, tail, clip = (float(np.percentile(known, level)) for level in (50, 99, 95))
    if tail <= HEAVY * middle:
        return None
    values: dict[str, str | int | float] = {"slope": slope, "tail": tail / middle}
    return Diagnosis(
        fault=Fault.TIME_EXPLOSION,
        symptom=Message("diagnosis.time_explosion.symptom", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(Message("diagnosis.time_explosion.remedy", {"clip": middle}), changes={"clip_norm": middle}),
        falsifier=Message("diagnosis.time_explosion.falsifier"),
        began=0,
        estimate=slope,
        interval=(float(np.nanmin(early)), float(np.nanmax(early))),
        unit="powers of ten per time step",
        details={"p95": clip},
    )
