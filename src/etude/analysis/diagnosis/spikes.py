"""Single steps that stand out: spikes of the loss and of the gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.outliers import outliers
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value

FACTOR = 10.0
"""A spike is also this many times what is usual at its step: a robust z alone takes a heavy tail for spikes."""
RISING = 1.02
CLEAN, ENOUGH = 95, 50
CLOSE = 20


def spikes(e: Evidence) -> Diagnosis | None:
    r"""D9. Steps whose gradient, or loss where there is no gradient, stands out.

    .. math:: z_t > 8 \text{ on the logarithm, and } x_t > 10 \cdot \text{its median}

    against the last 128 clean steps. Steps at which the learning rate rises (warm-up, restart) and those that follow within
    20 are not judged, steps of which there is no number are gaps and no spikes, and a run whose loss is not finite at its end
    has another fault. Where every step sees all the data, none can have data that stand out. The limit that the remedy names
    is the 95th percentile of the norms before the first spike, if there are fifty.
    """
    column = e.step("gradient_norm")
    name = "gradient_norm" if column is not None else "loss"
    column = e.loss if column is None else column
    known = np.isfinite(column)
    ended = len(e.loss) > 0 and not np.isfinite(e.loss[-1])
    if known.sum() < 50 or ended or not (column[known] > 0).any() or e.whole_batch:
        return None
    positive = np.where(column > 0, column, np.nan)
    with np.errstate(invalid="ignore"):
        found = outliers(np.log(positive)) & ~np.isnan(positive) & ~_excused(e)[: len(column)]
        usual = float(np.nanmedian(positive))
    found &= ~(column <= FACTOR * usual)
    starts = np.flatnonzero(found & ~np.concatenate([[False], found[:-1]]))
    if not len(starts):
        return None
    usable = ~found & e.plateau[: len(found)]
    before = usable & (np.arange(len(found)) < starts[0])  # what follows a spike may be its damage
    clean = float(np.nanpercentile(positive[before if before.sum() >= ENOUGH else usable], CLEAN))
    largest = float(np.nanmax(positive[found], initial=0.0)) / usual
    values: dict[str, Value] = {"count": len(starts), "first": int(starts[0]), "largest": largest}
    if name == "loss":
        symptom = Message("diagnosis.spike.loss", values)
        remedy = Remedy(Message("diagnosis.spike.remedy_unknown", {}), restart=False)
        wanted: tuple[Message, ...] = (Message("diagnosis.wanted.gradient_norm"),)
    else:
        symptom = Message("diagnosis.spike.gradient", values)
        remedy = Remedy(
            Message("diagnosis.spike.remedy", {"clip": clean, "percentile": CLEAN}),
            restart=False,
            changes={"clip_norm": clean},
        )
        wanted = ()
    return Diagnosis(
        fault=Fault.SPIKE,
        symptom=symptom,
        confidence=Confidence.LIKELY,
        remedy=remedy,
        falsifier=Message("diagnosis.spike.falsifier"),
        began=int(starts[0]),
        estimate=largest,
        wanted=wanted,
        details={"steps": [int(t) for t in starts[:100]]},
    )


def _excused(e: Evidence) -> NDArray[np.bool_]:
    """Steps soon after a rise of the learning rate."""
    excused = np.zeros(e.steps, dtype=bool)
    if e.lr is None:
        return excused
    rises = np.flatnonzero(e.lr[1:] > RISING * e.lr[:-1]) + 1
    for t in rises:
        excused[t : t + CLOSE] = True
    return excused
