"""Units that cannot learn any more: dead ones, saturated ones."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from etude.analysis.diagnosis.evidence import BORN_DEAD, Evidence
from etude.analysis.diagnosis.high import DEAD, NO_PROGRESS
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value

SATURATED = 0.5
FLAT = math.atanh(0.97)
"""Pre-activation beyond which tanh is flat."""


def dead_units(e: Evidence) -> Diagnosis | None:
    """D15. At least three quarters of a layer's units answer no example any more, at the last evaluation.

    Counted over all tried examples: on one batch nearly half of the activations of an untrained, healthy network are zero, and
    runs have been seen to train well with most of a layer dead. So units that died while training count only where more than
    7 % of the loss is left.
    """
    if e.dead is None:
        return None
    layer, column = e.dead
    share, first = float(np.nan_to_num(column[-1])), float(np.nan_to_num(column[0]))
    born = first > BORN_DEAD
    if share <= DEAD or not (born or e.suffers):
        return None
    began = int(e.places[int(np.argmax(column > DEAD))])
    values: dict[str, Value] = {"layer": layer, "share": share, "first": first, "began": began}
    return Diagnosis(
        fault=Fault.DEAD_UNITS,
        symptom=Message("diagnosis.dead_units.born", values) if born else Message("diagnosis.dead_units.died", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(Message("diagnosis.dead_units.remedy_init"), changes={"redraw": 1.0})
        if born
        else Remedy(Message("diagnosis.dead_units.remedy", {"factor": 10}), lr_factor=0.1),
        falsifier=Message("diagnosis.dead_units.falsifier"),
        began=began,
        estimate=share,
    )


def saturated(e: Evidence) -> Diagnosis | None:
    r"""D16. More than half of the activations of a layer lie on a flat end of tanh or sigmoid.

    Units that saturated while training count only where nothing was learned, L_T > 0.8 L₀: runs on noisy labels have been seen
    to end well with most of a layer saturated.

    The remedy takes the pre-activations for normal, so a share p beyond ±2.09 means a standard deviation of
    :math:`2.09 / \Phi^{-1}(1 - p/2)`, and divides by it.
    """
    layers = e.family("saturated")
    known = {name: float(column[-1]) for name, column in layers.items() if len(column) and np.isfinite(column[-1])}
    if not known:
        return None
    worst = max(known, key=lambda name: known[name])
    share, first = known[worst], float(np.nan_to_num(layers[worst][0]))
    born = first > SATURATED / 2
    if share <= SATURATED or not (born or (e.progress is not None and e.progress < NO_PROGRESS)):
        return None
    spread = FLAT / float(ndtri(1 - min(share, 0.999) / 2))
    values: dict[str, Value] = {"layer": worst, "share": share, "first": first}
    return Diagnosis(
        fault=Fault.SATURATED,
        symptom=Message("diagnosis.saturated.symptom", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(Message("diagnosis.saturated.remedy", {"spread": spread}), changes={"init_gain": 1 / spread})
        if born
        else Remedy(Message("diagnosis.saturated.remedy_lr", {"factor": 10}), lr_factor=0.1),
        falsifier=Message("diagnosis.saturated.falsifier"),
        began=int(e.places[int(np.argmax(layers[worst] > SATURATED))]),
        estimate=share,
    )
