"""Batches too small for the noise."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.floor import noise_floor
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.analysis.ratio import noise_scale
from etude.core.message import Message, Value

FAR_BELOW, BELOW = 1 / 30, 1 / 3
STALLED = 0.1
LEFT_OVER = 0.9


def batch_size(e: Evidence) -> Diagnosis | None:
    r"""D21. The batch is smaller than B_simple = tr Σ/|G|², and noise holds the loss up.

    A small batch alone is no fault: it only sets how low the learning rate must be. So the loss must also go up and down, or a
    fork test find it held up (D6), with a batch three times smaller; or it must have stalled (G < 0.1) with a tenth of it
    left, with one thirty times smaller. Numerator and denominator of B_simple are averaged over the points before dividing,
    the interval is Fieller's, and its lower end must be so far above the batch.
    """
    traces, squares = e.point("noise_trace"), e.point("noise_square")
    if traces is None or squares is None or e.run.batch_size is None:
        return None
    scale, (low, high) = noise_scale(traces, squares)
    stalled = e.gain is not None and e.progress is not None and e.gain[0] <= STALLED and e.progress <= LEFT_OVER
    held_up = e.run.batch_size < BELOW * low and noise_floor(e) is not None
    if not np.isfinite(low) or not (held_up or (stalled and e.run.batch_size < FAR_BELOW * low)):
        return None
    values: dict[str, Value] = {"batch": e.run.batch_size, "scale": scale if np.isfinite(scale) else low}
    better = round(scale) if np.isfinite(scale) else round(low)
    return Diagnosis(
        fault=Fault.BATCH_SIZE,
        symptom=Message("diagnosis.batch_size.symptom", values),
        confidence=Confidence.LIKELY if held_up else Confidence.POSSIBLE,
        remedy=Remedy(Message("diagnosis.batch_size.remedy", {"batch": better}), changes={"batch_size": better}),
        falsifier=Message("diagnosis.batch_size.falsifier"),
        began=0,
        estimate=scale,
        interval=(low, high),
        unit="examples",
    )
