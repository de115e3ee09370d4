"""The course of the learning rate: not what was planned, no warm-up or too long a one, a decay too soon."""

from __future__ import annotations

import numpy as np

from etude.analysis.alignment import ColumnMean, column_mean
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.high import OVERSHOOTS_T
from etude.analysis.diagnosis.low import ALIGNED, ALIGNED_T, too_low
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value
from etude.core.trace import Array

ROUNDING = 1e-3
SOON = 0.4
DECAYED = 0.1
LONG_WARMUP = 0.3
ROSE = 1.1
RATIO_FALLS = 3.0


def wrong_schedule(e: Evidence) -> Diagnosis | None:
    """D23. The learning rate that was applied is not the one that was planned, by more than a thousandth of the peak."""
    applied, planned = e.step("lr"), e.run.planned_lr
    if applied is None or planned is None:
        return None
    n = min(len(applied), len(planned))
    if n == 0:
        return None
    peak = float(np.nanmax(planned))
    off = np.flatnonzero(np.abs(applied[:n] - planned[:n]) > ROUNDING * peak)
    if not len(off):
        return None
    began = int(off[0])
    worst = int(off[np.argmax(np.abs(applied[off] - planned[off]))])
    values: dict[str, Value] = {
        "began": began,
        "step": worst,
        "applied": float(applied[worst]),
        "planned": float(planned[worst]),
        "share": len(off) / n,
    }
    stretch = _stretch(applied[:n], planned)
    text = (
        Message("diagnosis.wrong_schedule.remedy_unit", {"stretch": stretch})
        if stretch is not None
        else Message("diagnosis.wrong_schedule.remedy")
    )
    return Diagnosis(
        fault=Fault.WRONG_SCHEDULE,
        symptom=Message("diagnosis.wrong_schedule.symptom", values),
        confidence=Confidence.CERTAIN,
        remedy=Remedy(text, changes={"as_planned": 1.0}),
        falsifier=Message("diagnosis.wrong_schedule.falsifier"),
        began=began,
        estimate=float(applied[worst] / planned[worst]) if planned[worst] else None,
        details={"stretch": stretch},
    )


def no_warmup(e: Evidence) -> Diagnosis | None:
    r"""D10. An adaptive rule begins at full speed with its longest updates, the loss rises above L₀, and the run suffers.

    In the first 2/(1 − β₂) steps, at most a fifth of the run: no warm-up, a median of ten losses above 1.1 L₀, and update
    ratios whose first twenty have a median three times that of the second half of the run. Where fresh gradients point
    against the updates on the last two thirds of the plateau (t < −3) the learning rate is too high from end to end.
    """
    ratio = e.step("update_ratio")
    if not e.adaptive or ratio is None or e.start is None or e.lr is None or e.steps < 60 or not e.suffers:
        return None
    beta2 = e.run.hyperparameters.get("beta2", 0.999)
    window = int(min(2 / (1 - beta2), e.steps / 5))
    if e.lr[0] < 0.5 * np.nanmax(e.lr) or window < 10:
        return None
    losses = e.loss[: min(window, len(e.loss)) // 10 * 10].reshape(-1, 10)
    highest = float(np.nanmax(np.median(losses, axis=1))) if len(losses) else 0.0
    first, later = float(np.nanmedian(ratio[:20])), float(np.nanmedian(ratio[e.steps // 2 :]))
    if not (highest > ROSE * abs(e.start) and first > RATIO_FALLS * later > 0):
        return None
    lasting = e.alignment(1 / 3, 1)
    if lasting is not None and lasting.t < OVERSHOOTS_T:
        return None
    steps = round(2 / (1 - beta2))
    values: dict[str, Value] = {"highest": highest, "start": e.start, "times": first / later}
    return Diagnosis(
        fault=Fault.NO_WARMUP,
        symptom=Message("diagnosis.no_warmup.symptom", values),
        confidence=Confidence.POSSIBLE,
        remedy=Remedy(
            Message("diagnosis.no_warmup.remedy", {"steps": steps}),
            changes={"warmup_steps": float(min(steps, e.steps // 5))},
        ),
        falsifier=Message("diagnosis.no_warmup.falsifier"),
        began=0,
        estimate=first / later,
    )


def long_warmup(e: Evidence) -> Diagnosis | None:
    """D11. The learning rate rises for more than 30 % of the horizon, and over the first half of that the steps were too short.

    Too short: fresh gradients agree with the last update, t > 5 and mean cosine > 0.12; or all in all the run is too low by
    D1. The warm-up should end where gradients cease to agree.
    """
    horizon = e.run.horizon or e.steps
    alignment = e.step("alignment")
    if e.lr is None or alignment is None or e.steps < 60:
        return None
    top = int(np.argmax(e.lr >= 0.99 * np.nanmax(e.lr)))
    rising = np.diff(e.lr[: top + 1])
    if top <= LONG_WARMUP * horizon or (rising < 0).any() or (rising == 0).mean() > 0.1:
        return None
    early = column_mean(alignment[1 : top // 2])
    short = _too_short(e, early)
    if short is None:
        return None
    values: dict[str, Value] = {"steps": top, "share": top / horizon, **short}
    pieces = np.array_split(alignment[1 : top + 1], 10)
    calm = [i for i, piece in enumerate(pieces) if np.nanmean(piece) < ALIGNED]
    ends = max(1, int(top * (calm[0] if calm else len(pieces)) / len(pieces)))
    shorter = max(1, min(ends, round(0.05 * horizon)))
    return Diagnosis(
        fault=Fault.LONG_WARMUP,
        symptom=Message("diagnosis.long_warmup.symptom", values)
        if "cosine" in values
        else Message("diagnosis.long_warmup.left", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(
            Message("diagnosis.long_warmup.remedy", {"steps": shorter, "reached": float(e.lr[min(ends, top)])}),
            changes={"warmup_steps": float(shorter)},
        ),
        falsifier=Message("diagnosis.long_warmup.falsifier"),
        began=0,
        estimate=top / horizon,
    )


def decayed_early(e: Evidence) -> Diagnosis | None:
    """D7. The learning rate was below a tenth of its peak before 40 % of the horizon, while the loss was still falling.

    After that point it never rises again, and fresh gradients agree with the last update (t > 5, mean cosine > 0.12) or the
    whole run is too low by D1.
    """
    horizon = e.run.horizon or e.steps
    alignment = e.step("alignment")
    if e.lr is None or alignment is None or e.steps < 60:
        return None
    above = np.flatnonzero(e.lr > DECAYED * np.nanmax(e.lr))
    cut = int(above[-1]) + 1 if len(above) else 0
    if cut >= SOON * horizon or e.steps - cut < 30 or cut < 8:
        return None
    short = _too_short(e, column_mean(alignment[cut:]))
    if short is None:
        return None
    values: dict[str, Value] = {"cut": cut, "share": cut / horizon, **short}
    return Diagnosis(
        fault=Fault.DECAYED_EARLY,
        symptom=Message("diagnosis.decayed_early.symptom", values)
        if "cosine" in values
        else Message("diagnosis.decayed_early.left", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(
            Message("diagnosis.decayed_early.remedy", {"step": round(0.75 * horizon)}),
            changes={"decay_from": 0.75},
        ),
        falsifier=Message("diagnosis.decayed_early.falsifier"),
        began=cut,
        estimate=cut / horizon,
    )


def _too_short(e: Evidence, aligned: ColumnMean | None) -> dict[str, Value] | None:
    """What shows that steps were too short there: fresh gradients that agree with the last update, or D1 for the whole run."""
    if aligned is not None and aligned.t >= ALIGNED_T and aligned.mean >= ALIGNED:
        low, high = aligned.interval()
        return {"cosine": aligned.mean, "low": low, "high": high}
    if e.progress is None or too_low(e) is None:
        return None
    return {"left": 1 - e.progress}


def _stretch(applied: Array, planned: Array) -> float | None:
    """Factor by which time runs otherwise than planned, among whole ones and their inverses, if one explains the course."""
    t = np.arange(len(applied))
    for factor in sorted({f for k in range(2, 2001) for f in (1 / k, float(k))}, key=lambda f: abs(np.log(f))):
        seen = planned[np.minimum((t * factor).astype(np.int64), len(planned) - 1)]
        if np.abs(applied - seen).max() <= 10 * ROUNDING * planned.max():
            return factor
    return None
