"""How signals and gradients run through the layers before training has changed them."""

from __future__ import annotations

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.core.message import Message

STEEP = 0.15
DECADES = 2.0
VANISHED = 3.5
"""Powers of ten. PyTorch's own initialization of five layers with SiLU comes to 2.1, and trains well; what was planted, to 5.2
and more."""
TIMES_CHANCE = 6.0
"""A linear model that is drawn at random comes to three by chance; an output layer that is too large, to fifteen and more."""
SYMMETRIC = 0.999


def vanishing(e: Evidence) -> Diagnosis | None:
    """D12. Gradients of pre-activations shrink on their way back, by more than 3½ powers of ten over the depth.

    Looked at is the first evaluation: the slope of log₁₀ RMS(δ) per layer must be above 0.15, its interval above 0, slope
    times depth above 3.5, and more than 7 % of the loss must be left in the end. Weight gradients would not do: shrinking
    signals and shrinking δ cancel in them.
    """
    slope, layers = _first(e, "delta_slope"), len(e.family("delta_rms"))
    error = _first(e, "delta_slope_error")
    if slope is None or slope <= STEEP or slope * (layers - 1) <= VANISHED or (error and slope < 2 * error):
        return None
    if not e.suffers:
        return None
    gain = float(10 ** np.clip(slope, -30, 30))
    return Diagnosis(
        fault=Fault.VANISHING,
        symptom=Message(
            "diagnosis.vanishing.symptom", {"factor": gain, "layers": layers, "times": gain ** (layers - 1)}
        ),
        confidence=Confidence.LIKELY,
        remedy=Remedy(Message("diagnosis.vanishing.remedy", {"gain": gain}), changes={"init_gain": gain}),
        falsifier=Message("diagnosis.vanishing.falsifier"),
        began=0,
        estimate=gain,
        interval=_interval(slope, error),
        unit="times per layer",
    )


def bad_init(e: Evidence) -> Diagnosis | None:
    """D13. Signals grow or shrink by more than two powers of ten over the depth, or the first loss is far above guessing.

    Looked at is the first evaluation: the slope of log₁₀ RMS(h) per layer beyond ±0.15, slope times depth beyond ±2, where much
    of the loss is left in the end; or L₀ above six times the loss of the best constant output. PyTorch's own initialization
    of five layers with ReLU comes to 1.5 powers of ten, and trains well.
    """
    slope, layers = _first(e, "activation_slope"), len(e.family("activation_rms"))
    error = _first(e, "activation_slope_error")
    chance = e.run.chance_loss
    if slope is not None and e.suffers and abs(slope) > STEEP and abs(slope) * (layers - 1) > DECADES:
        gain = float(10 ** np.clip(-slope, -30, 30))
        return Diagnosis(
            fault=Fault.BAD_INIT,
            symptom=Message("diagnosis.bad_init.slope", {"factor": 1 / gain, "layers": layers}),
            confidence=Confidence.LIKELY,
            remedy=Remedy(Message("diagnosis.bad_init.remedy", {"gain": gain}), changes={"init_gain": gain}),
            falsifier=Message("diagnosis.bad_init.falsifier"),
            began=0,
            estimate=1 / gain,
            interval=_interval(slope, error),
            unit="times per layer",
        )
    if chance is not None and chance > 0 and e.start is not None and e.start > TIMES_CHANCE * chance:
        times = e.start / chance
        return Diagnosis(
            fault=Fault.BAD_INIT,
            symptom=Message("diagnosis.bad_init.loss", {"start": e.start, "chance": chance}),
            confidence=Confidence.LIKELY,
            remedy=Remedy(
                Message("diagnosis.bad_init.remedy_output", {"times": times}), changes={"output_gain": 1 / times}
            ),
            falsifier=Message("diagnosis.bad_init.falsifier"),
            began=0,
            estimate=times,
        )
    return None


def symmetric(e: Evidence) -> Diagnosis | None:
    """D14. The units of a layer get the same gradient, so they stay copies of one another: mean cosine above 0.999.

    Looked at is the first evaluation; later an explosion may have aligned them.
    """
    for layer, column in e.family("unit_cosine").items():
        value = float(column[0]) if len(column) else np.nan
        if value > SYMMETRIC:
            return Diagnosis(
                fault=Fault.SYMMETRY,
                symptom=Message("diagnosis.symmetry.symptom", {"layer": layer, "cosine": value}),
                confidence=Confidence.CERTAIN,
                remedy=Remedy(Message("diagnosis.symmetry.remedy", {"layer": layer}), changes={"redraw": 1.0}),
                falsifier=Message("diagnosis.symmetry.falsifier"),
                began=0,
                estimate=value,
            )
    return None


def _first(e: Evidence, name: str) -> float | None:
    column = e.point(name)
    return float(column[0]) if column is not None and np.isfinite(column[0]) else None


def _interval(slope: float, error: float | None) -> tuple[float, float] | None:
    if error is None:
        return None
    low, high = (float(10 ** np.clip(slope + side * 1.96 * error, -30, 30)) for side in (-1, 1))
    return low, high
