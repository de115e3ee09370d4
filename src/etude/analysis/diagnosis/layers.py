"""Layers that do not move with the others."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message, Value
from etude.core.trace import Array

APART = 30.0
PAIR_APART = 45.0
"""The same for a network of two weights. Steps that are too short alone bring it to 27 in runs of the development tasks."""
LEAST_STEPS = 20
RESOLVED = 1e-4
"""Update ratios of float32 weights that are smaller may be rounded away entirely."""
PULL = 1e-2
"""Share of the median parameter's gradient below which a gradient may be rounding, as of a bias before batch norm."""


def frozen(e: Evidence) -> Diagnosis | None:
    """D17, first half. A parameter has a gradient and never moves: a mistake in the code, not in the learning rate."""
    gradients, ratios = e.family("gradient_norm", steps=True), e.family("update_ratio", steps=True)
    still = [
        name
        for name, ratio in ratios.items()
        if np.isfinite(ratio).sum() >= LEAST_STEPS and np.nanmax(ratio) == 0 and _pulls(gradients, name)
    ]
    moving = [float(np.nanmedian(ratio)) for ratio in ratios.values() if (ratio > 0).any()]
    if not still or not moving or max(moving) < RESOLVED:
        return None
    values: dict[str, Value] = {"parameter": still[0], "count": len(still), "all": len(ratios)}
    return Diagnosis(
        fault=Fault.FROZEN_PARAMETER,
        symptom=Message("diagnosis.frozen.symptom", values),
        confidence=Confidence.CERTAIN,
        remedy=Remedy(
            Message("diagnosis.frozen.remedy", {"parameter": still[0]}),
            changes={f"group_scale/{name}": 1.0 for name in still},
        ),
        falsifier=Message("diagnosis.frozen.falsifier"),
        began=0,
        estimate=float(len(still)),
        details={"parameters": still},
    )


def imbalance(e: Evidence) -> Diagnosis | None:
    r"""D17. One weight's update ratio is thirty times below or above the median weight's.

    .. math:: r_l = \mathrm{median}_t \frac{\lVert \Delta w_l \rVert}{\lVert w_l \rVert}

    over the plateau; of two weights the slower one's, where 45 times lie between them. Vectors (biases, scales of a
    normalization) begin at zero or one and are left out: where a depth profile names the layers their weights are taken, else
    whatever is not called a bias.
    """
    ratios = {
        name: float(np.nanmedian(ratio[e.plateau[: len(ratio)]]))
        for name, ratio in e.family("update_ratio", steps=True).items()
        if _is_weight(e, name) and np.isfinite(ratio[e.plateau[: len(ratio)]]).sum() >= LEAST_STEPS
    }
    ratios = {name: ratio for name, ratio in ratios.items() if 0 < ratio < np.inf}
    if len(ratios) == 2:
        return _pair(ratios)
    if len(ratios) < 3:
        return None
    middle = float(np.median(list(ratios.values())))
    worst = max(ratios, key=lambda name: abs(np.log(ratios[name] / middle)))
    apart = ratios[worst] / middle
    if 1 / APART < apart < APART:
        return None
    others = [abs(np.log10(ratio / middle)) for name, ratio in ratios.items() if name != worst]
    if max(others) > abs(np.log10(apart)) / 2:  # all are spread out: no layer stands apart
        return None
    return _apart(worst, ratios, middle)


def _pair(ratios: dict[str, float]) -> Diagnosis | None:
    """Of two weights none is the odd one out: the slower one is named, where more lies between them than learning rates do."""
    slow, fast = sorted(ratios, key=lambda name: ratios[name])
    return None if ratios[fast] < PAIR_APART * ratios[slow] else _apart(slow, ratios, ratios[fast])


def _apart(worst: str, ratios: dict[str, float], middle: float) -> Diagnosis:
    apart = max(ratios[worst] / middle, np.finfo(float).tiny)
    values: dict[str, Value] = {"layer": worst, "ratio": ratios[worst], "median": middle}
    return Diagnosis(
        fault=Fault.IMBALANCE,
        symptom=Message("diagnosis.imbalance.symptom", values),
        confidence=Confidence.LIKELY,
        remedy=Remedy(
            Message("diagnosis.imbalance.remedy", {"layer": worst, "factor": 1 / apart}),
            changes={f"group_scale/{worst}": 1 / apart},
        ),
        falsifier=Message("diagnosis.imbalance.falsifier"),
        began=0,
        estimate=apart,
        details={"ratios": dict(ratios)},
    )


def _is_weight(e: Evidence, name: str) -> bool:
    layers = e.family("delta_rms")
    if not layers:
        return "bias" not in name
    return name.endswith(".weight") and name.removesuffix(".weight") in layers


def _pulls(gradients: dict[str, Array], name: str) -> bool:
    """Whether a parameter has a gradient to speak of."""
    medians = {n: float(np.nanmedian(column)) for n, column in gradients.items()}
    return medians.get(name, 0.0) > PULL * float(np.median(list(medians.values())))
