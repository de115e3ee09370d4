"""Runs that had learned something and lost it."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value
from etude.core.trace import Array

LEARNED = 0.2
GAVE_BACK = 0.5
WIDTH = 10
RESOLVED = 6.0
FACTOR = 1 / 3


def diverging(e: Evidence) -> Diagnosis | None:
    r"""D3. The run had made at least a fifth of the way down, and then gave back half of it or stopped being finite.

    .. math:: L_T - L_\mathrm{min} \ge \tfrac12 (L_0 - L_\mathrm{min})

    with medians of ten steps each; a fifth must also be six standard errors of such a median. It began where the last of them
    within a tenth of L₀ − L_min above the lowest ends.
    """
    if e.start is None or len(e.loss) < 2 * WIDTH:
        return None
    blocks = _blocks(e.loss)
    known = np.where(np.isfinite(blocks), blocks, np.inf)
    lowest = float(known.min())
    descent = e.start - lowest
    if not descent > max(LEARNED * abs(e.start), RESOLVED * e.noise / np.sqrt(WIDTH)):
        return None
    outcome = e.run.trace.outcome
    exploded = bool((~np.isfinite(e.loss)).any()) or (outcome.diverged and outcome.reason == "exploded")
    share = float((known[-1] - lowest) / descent)
    if not (exploded or share >= GAVE_BACK):
        return None
    good = np.flatnonzero(known <= lowest + 0.1 * descent)
    began = int((good[-1] + 1) * WIDTH)
    values: dict[str, Value] = {"lowest": lowest, "start": e.start, "began": began}
    symptom = (
        Message("diagnosis.diverging.exploded", values)
        if exploded
        else Message("diagnosis.diverging.gave_back", values | {"share": share})
    )
    return Diagnosis(
        fault=Fault.DIVERGING,
        symptom=symptom,
        confidence=Confidence.CERTAIN if exploded else Confidence.LIKELY,
        remedy=Remedy(
            Message("diagnosis.diverging.remedy", {"began": began, "factor": 1 / FACTOR}),
            lr_factor=FACTOR,
            restart=False,
        ),
        falsifier=Message("diagnosis.diverging.falsifier", {"factor": 1 / FACTOR}),
        began=began,
        estimate=None if exploded else share,
    )


def _blocks(loss: Array) -> Array:
    """Medians of ten steps each; of the steps that are left over at the end, too."""
    whole = len(loss) // WIDTH * WIDTH
    medians = np.median(loss[:whole].reshape(-1, WIDTH), axis=1)
    return np.append(medians, np.median(loss[whole:])) if whole < len(loss) else medians
