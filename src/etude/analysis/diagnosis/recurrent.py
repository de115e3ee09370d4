"""Gradients on their way back through time."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value

STEEP = 0.05
HEAVY = 5.0
LEARNED = 0.5


def time_explosion(e: Evidence) -> Diagnosis | None:
    """D19. At the first evaluation ‖∂L/∂h_t‖ grows on its way back by more than 10^0.05 per time step, and training suffers.

    It suffers where gradient norms have a heavy tail, the 99th percentile above five times the median, or where half of the
    loss is left. Later evaluations do not count: a network may have saturated its way out of the explosion. The remedy undoes
    the growth at the initialization and clips at the median norm.
    """
    slopes, errors, norms = (
        e.point("hidden_gradient/slope"),
        e.point("hidden_gradient/slope_error"),
        e.step("gradient_norm"),
    )
    if slopes is None or norms is None or not slopes[0] > STEEP:
        return None
    slope = float(slopes[0])
    error = float(np.nan_to_num(errors[0])) if errors is not None else 0.0
    known = norms[np.isfinite(norms)]
    if len(known) < 50 or e.progress is None:
        return None
    middle, tail = (float(np.percentile(known, level)) for level in (50, 99))
    if tail <= HEAVY * middle and e.progress > LEARNED:
        return None
    low, growth, high = (float(10 ** min(slope + side * 1.96 * error, 300.0)) for side in (-1, 0, 1))
    values: dict[str, Value] = {"factor": growth, "tail": tail / middle if middle > 0 else np.inf}
    return Diagnosis(
        fault=Fault.TIME_EXPLOSION,
        symptom=Message("diagnosis.time_explosion.symptom", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(
            Message("diagnosis.time_explosion.remedy", {"clip": middle, "gain": 1 / growth}),
            changes={"clip_norm": middle, "init_gain": 1 / growth},
        ),
        falsifier=Message("diagnosis.time_explosion.falsifier"),
        began=0,
        estimate=growth,
        interval=(low, high),
        unit="times per time step",
    )
