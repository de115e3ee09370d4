"""Learning rates that are too low: throughout, in the warm-up, or too soon after it."""

from __future__ import annotations

import numpy as np

from etude.analysis.alignment import ColumnMean
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.forked import Reading, gain_of_fork
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value

ALIGNED_T = 5.0
ALIGNED = 0.12
STILL_COMING = 0.17
"""Share of the descent that came on the last two thirds of the way, above which a longer way would have paid."""
NO_CURVATURE = 0.1
SMALL_RATIO = 1e-3
LITTLE = 0.2
FAR, FAR_LEFT = 0.4, 0.2
AGAINST = -2.0
FELT = 1.0
ROSE = 0.1
LITTLE_LEFT = 0.1
"""Share of the loss. A run that has less left than this is at most so far behind the best, and may well be among the good."""
FORK_RATIO, FORK_RESOLVED = 1.4, 1.2
"""How much further the copy at 3η must come in a fork test, and what its interval must exclude. Good runs of the development
tasks that had not finished reached 1.4, never with an interval above 1.1; runs that were too low began at 1.5."""
HELD_OUT_RESOLVED = 0.5
"""What the interval on held-out data must exclude. On noisy labels it reaches from below zero to two."""
BEST_Q = 0.5


def too_low(e: Evidence) -> Diagnosis | None:
    r"""D1. The run would have come further with longer steps, and longer steps would have held.

    Two things must come together. *The way was too short*: more than 7 % of the loss is left and it still fell, G > 0.17 with
    G the share of the descent that came on the last two thirds of τ = Σ η. *The steps could have been longer*: in the first
    third of the plateau fresh gradients agree with the update before them (t > 5 by batch means, mean cosine > 0.12) and line
    probes do not contradict (q = −2c/b ≤ ½), or q < 0.1 with its interval. Where less than a tenth of the loss is left, both
    must say so. A run that has hardly descended at all needs only the second, seen anywhere on the plateau; tiny updates that
    overshoot nothing then make it possible, and so does G > 0.4 with a fifth of the loss left, q ≤ 1 and a loss that never
    rose much.

    A fork test takes the place of the second: the copy at 3η must come 1.4 times as far with an interval above 1.2, and 1.2
    times as far on held-out data with an interval above ½; what is learned by heart does not count. Where either interval
    ends below 1.2 the learning rate is not too low.
    """
    fork = gain_of_fork(e.run.fork)
    held_out = None if e.run.fork is None else gain_of_fork(e.run.fork.on_held_out)
    if any(reading is not None and reading.high < FORK_RESOLVED for reading in (fork, held_out)):
        return None
    forked = fork is not None and fork.value > FORK_RATIO and fork.low > FORK_RESOLVED
    forked = forked and (held_out is None or (held_out.value > FORK_RESOLVED and held_out.low > HELD_OUT_RESOLVED))
    aligned = e.alignment(0, 1 / 3) if e.progress is None or e.progress >= LITTLE else e.alignment()
    q = e.q
    straight = aligned is not None and aligned.t > ALIGNED_T and aligned.mean > ALIGNED and not (q and q[0] > BEST_Q)
    flat = q is not None and q[1][1] < NO_CURVATURE
    if not (forked or straight or flat or _hardly_moves(e) or _far_from_over(e)):
        return None
    gain, progress = e.gain, e.progress
    if not e.suffers or e.born_dead or not _worth_it(e, straight=straight):
        return None
    if not _still_coming(gain, progress):
        return None
    factor = _factor(e)
    return Diagnosis(
        fault=Fault.TOO_LOW,
        symptom=_symptom(e, aligned if straight else None, fork if forked else None),
        confidence=Confidence.CERTAIN if forked else Confidence.LIKELY if straight or flat else Confidence.POSSIBLE,
        remedy=Remedy(Message("diagnosis.too_low.remedy", {"factor": factor}), lr_factor=factor),
        falsifier=Message("diagnosis.too_low.falsifier"),
        began=0,
        estimate=None if gain is None else gain[0],
        interval=None if gain is None or gain[1] == 0 else (gain[0] - 1.96 * gain[1], gain[0] + 1.96 * gain[1]),
        wanted=() if fork else (Message("diagnosis.wanted.fork"),),
        details={"q": q[0] if q else None, "alignment": aligned.mean if aligned else None},
    )


def _symptom(e: Evidence, aligned: ColumnMean | None, fork: Reading | None) -> Message:
    if fork is not None and e.run.fork is not None:
        values: dict[str, Value] = {"factor": float(e.run.fork.factors.max()), "steps": e.run.fork.steps}
        values |= {"times": fork.value, "low": fork.low, "high": fork.high}
        return Message("diagnosis.too_low.forked", values)
    agreed: dict[str, Value] = {}
    if aligned is not None:
        low, high = aligned.interval()
        agreed = {"cosine": aligned.mean, "low": low, "high": high, "batches": aligned.batches}
    if e.gain is not None:
        late: dict[str, Value] = {"gain": min(e.gain[0], 1.0)}
        return (
            Message("diagnosis.too_low.late_aligned", late | agreed)
            if agreed
            else Message("diagnosis.too_low.late", late)
        )
    moved: dict[str, Value] = {"start": e.start or 0.0, "end": e.end or 0.0}
    return (
        Message("diagnosis.too_low.hardly_aligned", moved | agreed)
        if agreed
        else Message("diagnosis.too_low.hardly", moved)
    )


def _still_coming(gain: tuple[float, float] | None, progress: float | None) -> bool:
    if gain is None:
        return progress is None or progress < LITTLE
    return gain[0] - 1.96 * gain[1] > STILL_COMING or (progress is not None and 0 <= progress < LITTLE)


def _hardly_moves(e: Evidence) -> bool:
    """No progress, tiny updates, and nothing that speaks of overshooting."""
    ratio, aligned = e.step("update_ratio"), e.alignment()
    if ratio is None or e.progress is None or not -LITTLE <= e.progress < LITTLE:
        return False
    overshoots = aligned is not None and aligned.t < -2
    return not overshoots and float(np.nanmedian(ratio)) < SMALL_RATIO


def _far_from_over(e: Evidence) -> bool:
    """Most of the descent came late, and nothing speaks of overshooting before."""
    aligned = e.alignment(0, 1 / 3)
    if e.gain is None or e.gain[0] <= FAR or e.progress is None or not LITTLE < e.progress < 1 - FAR_LEFT:
        return False
    q = e.q
    return (aligned is None or aligned.t > AGAINST) and (q is None or not q[0] > FELT) and not (e.risen or 0.0) > ROSE


def _worth_it(e: Evidence, *, straight: bool) -> bool:
    """Whether a tenth of the loss is left; where it is less, gradients must agree and line probes feel no curvature."""
    if e.progress is None or e.progress < 1 - LITTLE_LEFT:
        return True
    return straight and e.q is not None and 0 <= e.q[0] < NO_CURVATURE


def _factor(e: Evidence) -> float:
    """How much longer the steps may be: to q = ½, three to thirty times; more where a run has hardly begun.

    Good runs of the development tasks have q between 0.1 and 2. Where there are no line probes, or none resolves a curvature,
    ten times if the loss fell evenly (G > ½), else three times.
    """
    gain, progress = e.gain, e.progress
    factor = 10.0 if gain is None or gain[0] > FAR else 3.0
    room = BEST_Q / e.q[0] if e.q is not None and e.q[0] > 0 else np.inf
    if np.isfinite(room):
        factor = float(np.clip(room, 3.0, 30.0))
    if progress is not None and progress < LITTLE:
        factor = max(factor, min(0.3 / max(progress, 1e-3), 300.0, room))
    return float(f"{factor:.0e}")
