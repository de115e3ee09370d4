"""Batches too small for the noise."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.analysis.ratio import noise_scale
from etude.core.message import Message, Value

FAR_BELOW = 1 / 30
STALLED = 0.1
LEFT_OVER = 0.9


def batch_size(e: Evidence) -> Diagnosis | None:
    r"""D21. The batch is thirty times smaller than B_simple = tr Σ/|G|², and the loss has stopped falling high up.

    A small batch alone is no fault: it only sets how low the learning rate must be. So the loss must also have stalled (G <
    0.1) with a tenth of it left. Numerator and denominator are averaged over the points before dividing, the interval is
    Fieller's.
    """
    traces, squares = e.point("noise_trace"), e.point("noise_square")
    if traces is None or squares is None or e.run.batch_size is None or e.gain is None or e.progress is None:
        return None
    scale, (low, high) = noise_scale(traces, squares)
    below = np.isfinite(low) and e.run.batch_size < FAR_BELOW * low
    if not below or e.gain[0] > STALLED or e.progress > LEFT_OVER:
        return None
    values: dict[str, Value] = {"batch": e.run.batch_size, "scale": scale if np.isfinite(scale) else low}
    return Diagnosis(
        fault=Fault.BATCH_SIZE,
        symptom=Message("diagnosis.batch_size.symptom", values),
        confidence=Confidence.POSSIBLE,
        remedy=Remedy(
            Message("diagnosis.batch_size.remedy", {"batch": round(low)}), changes={"batch_size": round(low)}
        ),
        falsifier=Message("diagnosis.batch_size.falsifier"),
        began=0,
        estimate=scale,
        interval=(low, high),
        unit="examples",
    )
