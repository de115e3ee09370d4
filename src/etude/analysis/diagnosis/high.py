"""Learning rates that are too high: nothing is learned, or what was learned is lost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from etude.analysis.diagnosis.diverging import diverging
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value
from etude.core.trace import Array

EARLY = 0.1
NO_PROGRESS = 0.2
SHOT_UP = 2.0
DEAD = 0.75
"""Share of dead units of the worst layer. Runs with more have trained well, so it counts only if much loss is left."""
OVERSHOOTS_T = -3.0
LARGE_RATIO = 1e-2
LEFT_OVER = 0.8
FEW = 5
ROSE = 1.2
RESOLVED = 5.0
LATE, RISEN = 0.6, 0.25
MUCH, LITTLE = 0.1, 0.3
"""Factors by which η is lowered: a decade where harm was done, half of one where the run learned or may have."""


def too_high(e: Evidence) -> Diagnosis | None:
    """D2. The steps are so long that the run could not learn, in one of five ways, the plainest first.

    *Exploded*: the loss stopped being finite before anything was learned. *Nothing learned*: L_T > 0.8 L₀, and the steps were
    seen to be too long: the loss had been beyond 1.2 L₀ and five standard errors, units died, or fresh gradients point
    against the last update (t < −3) and the median update ratio is above 0.01. *Damaged*: at least three quarters of the
    units of a layer died while training, or the loss had shot beyond 2 L₀ and a fifth of it is left. *Learned late*: three
    fifths of the descent came on the last two thirds of the way, after large updates that overshot and losses that rose by a
    quarter of it. *Swung*: a fifth of the loss is left, fresh gradients point against the last update, the median update ratio
    is above 0.01, and the evaluated loss has risen by a quarter of its descent in all. A run that overshoots and stands still
    is not accused: that is how training at a constant learning rate ends in noise.
    """
    if e.start is None or len(e.loss) == 0 or e.born_dead:
        return None
    for look in (_exploded, _learned_nothing, _damaged, _learned_late, _swung):
        found = look(e)
        if found is not None:
            divide: dict[str, Value] = {"factor": 1 / found.factor}
            return Diagnosis(
                fault=Fault.TOO_HIGH,
                symptom=found.symptom,
                confidence=found.confidence,
                remedy=Remedy(Message("diagnosis.too_high.remedy", divide), lr_factor=found.factor),
                falsifier=Message("diagnosis.too_high.falsifier", divide),
                began=found.began,
                estimate=e.progress,
                details={"peak": _peak(e)},
            )
    return None


class _Found(NamedTuple):
    symptom: Message
    began: int
    confidence: Confidence
    factor: float = MUCH


def _exploded(e: Evidence) -> _Found | None:
    bad = _first_not_finite(e)
    if bad is None or e.start is None:
        return None
    before = e.loss[:bad]
    learned = len(before) > EARLY * e.steps and _lowest(before) < (1 - NO_PROGRESS) * e.start
    if learned:
        return None
    return _Found(Message("diagnosis.too_high.exploded", {"step": bad}), _first_above(e, SHOT_UP), Confidence.CERTAIN)


def _learned_nothing(e: Evidence) -> _Found | None:
    if e.progress is None or e.progress > NO_PROGRESS or _lost_later(e):
        return None
    peak, dead = _peak(e), _died(e)
    aligned, ratio = e.alignment(), e.step("update_ratio")
    long = ratio is None or float(np.nanmedian(ratio[e.plateau])) > LARGE_RATIO
    overshoots = aligned is not None and aligned.t < OVERSHOOTS_T and long
    rose = peak > ROSE and (peak - 1) * abs(e.start or 0.0) > RESOLVED * e.noise / np.sqrt(FEW)
    if not (rose or dead > DEAD or overshoots) or (aligned is not None and aligned.t > -OVERSHOOTS_T):
        return None
    sure = overshoots or dead > DEAD
    values: dict[str, Value] = {"start": e.start or 0.0, "end": e.end or 0.0, "peak": peak}
    symptom = Message("diagnosis.too_high.learned_nothing", values)
    confidence, factor = (Confidence.LIKELY, MUCH) if sure else (Confidence.POSSIBLE, LITTLE)
    return _Found(symptom, _first_above(e, ROSE), confidence, factor)


def _damaged(e: Evidence) -> _Found | None:
    if _lost_later(e):
        return None
    peak, dead = _peak(e), _died(e)
    if dead > DEAD and e.dead is not None and e.suffers:
        values: dict[str, Value] = {"layer": e.dead[0], "dead": dead, "peak": peak}
        return _Found(Message("diagnosis.too_high.died", values), _death(e), Confidence.LIKELY)
    if peak > SHOT_UP and e.progress is not None and e.progress < 0.8:
        values = {"peak": peak, "start": e.start or 0.0, "end": e.end or 0.0}
        return _Found(Message("diagnosis.too_high.shot_up", values), _first_above(e, SHOT_UP), Confidence.LIKELY)
    return None


def _swung(e: Evidence) -> _Found | None:
    aligned, ratio = e.alignment(), e.step("update_ratio")
    if aligned is None or ratio is None or e.progress is None or e.risen is None:
        return None
    long = float(np.nanmedian(ratio[e.plateau]))
    if e.progress > LEFT_OVER or aligned.t > OVERSHOOTS_T or long < LARGE_RATIO or e.risen < RISEN:
        return None
    return _Found(Message("diagnosis.too_high.swung", {"share": e.risen, "ratio": long}), 0, Confidence.LIKELY, LITTLE)


def _learned_late(e: Evidence) -> _Found | None:
    aligned, gain, ratio = e.alignment(0, 1 / 3), e.gain, e.step("update_ratio")
    if aligned is None or gain is None or ratio is None or gain[0] < LATE or aligned.t > OVERSHOOTS_T or not e.suffers:
        return None
    if e.risen is not None and e.risen < RISEN:
        return None
    long = float(np.nanmedian(ratio[e.plateau]))
    if long < LARGE_RATIO:
        return None
    low, high = aligned.interval()
    values: dict[str, Value] = {"gain": gain[0], "cosine": aligned.mean, "low": low, "high": high}
    return _Found(Message("diagnosis.too_high.learned_late", values), 0, Confidence.LIKELY)


def _first_not_finite(e: Evidence) -> int | None:
    bad = np.flatnonzero(~np.isfinite(e.loss))
    if len(bad):
        return int(bad[0])
    outcome = e.run.trace.outcome
    return outcome.step if outcome.diverged and outcome.reason == "exploded" else None


def _first_above(e: Evidence, factor: float) -> int:
    """Step at which five losses in a row first have a median above a multiple of L₀; 0 if none have."""
    above = ~(e.loss <= factor * (e.start or 0.0))
    if len(above) < FEW:
        return int(np.argmax(above)) if above.any() else 0
    lasting = np.flatnonzero(sliding_window_view(above, FEW).sum(axis=1) > FEW // 2)
    if not len(lasting):
        return int(np.argmax(above)) if above.any() else 0
    start = int(lasting[0])
    return start + int(np.argmax(above[start:]))


def _lowest(losses: Array) -> float:
    """Lowest median of ten steps in a row."""
    whole = losses[: len(losses) // 10 * 10].reshape(-1, 10)
    return float(np.median(whole, axis=1).min()) if len(whole) else np.inf


def _peak(e: Evidence) -> float:
    """Highest median of five losses in a row, relative to L₀: a single batch is no explosion."""
    finite = np.where(np.isfinite(e.loss), e.loss, np.inf)
    if len(finite) < FEW or not e.start:
        return 1.0
    return float(np.median(sliding_window_view(finite, FEW), axis=1).max()) / e.start


def _died(e: Evidence) -> float:
    """Share of dead units of the worst layer at the end."""
    return 0.0 if e.dead is None else float(np.nan_to_num(e.dead[1][-1]))


def _lost_later(e: Evidence) -> bool:
    """Whether the run had learned for a good while, so that what came then is divergence."""
    found = diverging(e)
    return found is not None and found.began is not None and found.began > EARLY * e.steps


def _death(e: Evidence) -> int:
    if e.dead is None:
        return 0
    return int(e.places[int(np.argmax(e.dead[1] > DEAD))])
