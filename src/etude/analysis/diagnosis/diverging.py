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
JUMPED, NEAR = 1.5, 4 * WIDTH
"""How much higher than at the step before η must be, and within how many steps of where a breakdown was dated."""


def diverging(e: Evidence) -> Diagnosis | None:
    r"""D3. The run had made at least a fifth of the way down, and then gave back half of it or stopped being finite.

    .. math:: L_T - L_\mathrm{min} \ge \tfrac12 (L_0 - L_\mathrm{min})

    with medians of ten steps each; a fifth must also be six standard errors of such a median. It began where the last of them
    within a tenth of L₀ − L_min above the lowest ends. Where η had jumped up near that step, the remedy is the η before.
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
        remedy=_remedy(e, began),
        falsifier=Message("diagnosis.diverging.falsifier", {"factor": 1 / FACTOR}),
        began=began,
        estimate=None if exploded else share,
    )


def _remedy(e: Evidence, began: int) -> Remedy:
    """A lower learning rate from where it began; where it had jumped up just then, the one before the jump."""
    jump = _jump(e, began)
    if jump is not None and e.lr is not None:
        before = float(e.lr[jump - 1])
        text = Message("diagnosis.diverging.remedy_hold", {"step": jump, "lr": before})
        return Remedy(text, lr_factor=before / float(np.nanmax(e.lr)), changes={"decay_from": 0.75})
    text = Message("diagnosis.diverging.remedy", {"began": began, "factor": 1 / FACTOR})
    return Remedy(text, lr_factor=FACTOR, restart=False)


def _jump(e: Evidence, began: int) -> int | None:
    """First step near the beginning of the breakdown at which η is half as high again as at the step before."""
    if e.lr is None:
        return None
    first, last = max(1, began - NEAR), min(len(e.lr), began + NEAR)
    near = e.lr[first:last] > JUMPED * e.lr[first - 1 : last - 1]
    return first + int(np.argmax(near)) if near.any() and e.lr[first - 1 :].min() > 0 else None


def _blocks(loss: Array) -> Array:
    """Medians of ten steps each; of the steps that are left over at the end, too."""
    whole = len(loss) // WIDTH * WIDTH
    medians = np.median(loss[:whole].reshape(-1, WIDTH), axis=1)
    return np.append(medians, np.median(loss[whole:])) if whole < len(loss) else medians
