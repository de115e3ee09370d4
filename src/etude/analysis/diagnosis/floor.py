"""A loss that falls no more: noise that a lower learning rate would average out, or nothing to do with the learning rate."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.forked import Reading, descent_of_fork, spared_by_fork
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value
from etude.core.trace import Array

WORTH, RISES = 0.1, 0.25
"""Healthy runs of the development tasks come to 0.19 at most."""
LOWER = 0.5
"""Where the plan goes below this share of η by itself, it need not be told to."""
ALIKE = 0.01
LESS = 3.0
NO_PROGRESS = 0.2


def noise_floor(e: Evidence) -> Diagnosis | None:
    r"""D6. Noise, or steps that are too long, hold the loss up, and no decay is planned.

    With a fork test: the copy at the lower learning rate is a tenth of the descent ahead, on training and on held-out data.
    From the trace alone: the evaluated losses go up and down, both of them. On the last two thirds their rises add up to a
    quarter of a descent that is a fifth of the loss at least, they are a third of the changes, and much of the loss is left. A
    fork test whose interval ends below a tenth acquits.
    """
    if _will_fall(e):
        return None
    spared = spared_by_fork(e.run.fork, e.start)
    if spared is not None and e.run.fork is not None and spared.low > 0 and spared.value > WORTH and _helps_held_out(e):
        values: dict[str, Value] = {"share": spared.value, "low": spared.low, "high": spared.high}
        values |= {"factor": 1 / float(e.run.fork.factors.min()), "steps": e.run.fork.steps}
        return _held_up(Message("diagnosis.noise_floor.symptom", values), spared.value, spared, e.run.fork.step)
    share = _rises(e)
    acquitted = spared is not None and spared.high < WORTH
    if share is None or share < RISES or not e.suffers or acquitted:
        return None
    return _held_up(Message("diagnosis.noise_floor.rises", {"share": share}), share)


def _helps_held_out(e: Evidence) -> bool:
    """Whether the lower learning rate was ahead on held-out data, too; true where there is none."""
    held_out = None if e.run.fork is None else e.run.fork.on_held_out
    spared = spared_by_fork(held_out, e.start)
    return held_out is None or (spared is not None and spared.low > 0 and spared.value > WORTH)


def _held_up(symptom: Message, share: float, fork: Reading | None = None, began: int | None = None) -> Diagnosis:
    return Diagnosis(
        fault=Fault.NOISE_FLOOR,
        symptom=symptom,
        confidence=Confidence.POSSIBLE if fork is None else Confidence.CERTAIN,
        remedy=Remedy(
            Message("diagnosis.noise_floor.remedy", {"factor": LESS}),
            1 / LESS,
            restart=False,
            changes={"decay_from": 0.75},
        ),
        falsifier=Message("diagnosis.noise_floor.falsifier"),
        began=began,
        estimate=share,
        interval=None if fork is None else (fork.low, fork.high),
        wanted=(Message("diagnosis.wanted.fork"),) if fork is None else (),
    )


def _rises(e: Evidence) -> float | None:
    """What the rises of the evaluated loss add up to on the last two thirds, as a share of the descent.

    The lower of two shares where there is a held-out loss, so that chance among few examples counts once.
    """
    if e.evaluated is None or e.start is None:
        return None
    shares = [_rises_of(e.evaluated, e.start)]
    held_out = e.point("validation_loss")
    if held_out is not None and len(held_out) == len(e.evaluated):
        shares.append(_rises_of(held_out, float(held_out[0])))
    known = [share for share in shares if share is not None]
    return min(known) if len(known) == len(shares) else None


def _rises_of(curve: Array, start: float) -> float | None:
    changes = np.diff(curve[len(curve) // 3 :])
    descent = start - float(curve.min())
    if not np.isfinite(curve).all() or descent <= NO_PROGRESS * abs(start) or len(changes) < 6:
        return None
    rises = changes > 0
    return float(changes[rises].sum()) / descent if rises.mean() >= 1 / 3 else None


def plateau(e: Evidence) -> Diagnosis | None:
    """D8. Nothing was learned, and the learning rate is not why.

    With a fork test: no copy, whatever its learning rate, comes down by a hundredth. Without one this is only possible: it is
    said where the other rules found no reason, else as a consequence of theirs.
    """
    if e.progress is None or e.progress > NO_PROGRESS:
        return None
    made: dict[str, Value] = {"start": e.start or 0.0, "end": e.end or 0.0}
    made_by_copies = descent_of_fork(e.run.fork)
    wanted: tuple[Message, ...] = ()
    aligned = e.alignment()
    if made_by_copies is not None:
        if made_by_copies > ALIKE:
            return None
        confidence = Confidence.CERTAIN
        symptom = Message("diagnosis.plateau.forked", made | {"best": max(made_by_copies, 0.0)})
    elif aligned is not None:
        confidence, wanted = Confidence.POSSIBLE, (Message("diagnosis.wanted.fork"),)
        low, high = aligned.interval()
        values: dict[str, Value] = {"cosine": aligned.mean, "low": low, "high": high}
        symptom = Message("diagnosis.plateau.symptom", made | values)
    else:
        return None
    return Diagnosis(
        fault=Fault.PLATEAU,
        symptom=symptom,
        confidence=confidence,
        remedy=Remedy(Message("diagnosis.plateau.remedy")),
        falsifier=Message("diagnosis.plateau.falsifier"),
        began=0,
        estimate=e.progress,
        wanted=wanted,
    )


def _will_fall(e: Evidence) -> bool:
    """Whether η has fallen by the end, or will after a fork, as far as is known."""
    course = e.run.planned_lr if e.run.planned_lr is not None else e.lr
    if course is None or not len(course):
        return False
    here = e.run.fork.step if e.run.fork is not None else int(np.argmax(course))
    return here < len(course) and bool(course[here:].min() < LOWER * course[here])
