"""Weights whose length has no effect: their step is an angle."""

from __future__ import annotations

import math

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message

FAST, USUAL, SLOW = 0.1, 1e-2, 1e-4


def rotation(e: Evidence) -> Diagnosis | None:
    r"""D20. A scale-invariant weight turns by more than 0.1 or less than 10⁻⁴ radians per step, late on the plateau.

    Under a weight decay λ the angle settles at :math:`\sqrt{2\eta\lambda}`, so that of a fast one is brought down by λ (or η)
    times (target/actual)². A slow one has grown too long, or began so, and wants a learning rate of its own. Needs the columns
    ``scale_invariant/WEIGHT``, which say for which weights this is so.
    """
    invariant = {
        n.removeprefix("scale_invariant/")
        for n, v in e.run.trace.final.items()
        if n.startswith("scale_invariant/") and v == 1
    }
    turns = {n: c for n, c in e.family("angular_update", steps=True).items() if n in invariant}
    on = np.flatnonzero(e.plateau)
    late = on[2 * len(on) // 3 :]
    rates = {n: float(np.nanmedian(c[late])) for n, c in turns.items() if np.isfinite(c[late]).any()}
    rates = {n: r for n, r in rates.items() if r > 0}
    if not rates or e.lr is None:
        return None
    worst = max(rates, key=lambda n: abs(math.log(rates[n] / math.sqrt(FAST * SLOW))))
    if SLOW < rates[worst] < FAST:
        return None
    return Diagnosis(
        fault=Fault.ROTATION,
        symptom=Message("diagnosis.rotation.symptom", {"weight": worst, "angle": rates[worst]}),
        confidence=Confidence.POSSIBLE,
        remedy=_slower(e, rates[worst]) if rates[worst] >= FAST else _faster(worst, rates),
        falsifier=Message("diagnosis.rotation.falsifier"),
        began=int(late[0]),
        estimate=rates[worst],
        unit="radians per step",
    )


def _slower(e: Evidence, rate: float) -> Remedy:
    decay = e.run.hyperparameters.get("weight_decay", 0.0)
    target = math.sqrt(2 * float(np.nanmax(e.lr)) * decay) if decay and e.lr is not None else USUAL
    target = min(max(target, 10 * SLOW), FAST / 10)
    factor = float(np.clip((target / rate) ** 2, 1e-2, 1.0))
    return Remedy(Message("diagnosis.rotation.remedy", {"factor": factor, "target": target}), lr_factor=factor)


def _faster(worst: str, rates: dict[str, float]) -> Remedy:
    factors = {name: USUAL / rate for name, rate in rates.items() if rate <= 10 * SLOW}
    text = Message("diagnosis.rotation.remedy_slow", {"weight": worst, "factor": factors[worst], "target": USUAL})
    return Remedy(text, changes={f"group_scale/{name}": factor for name, factor in factors.items()})
