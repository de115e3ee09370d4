"""Rules of other tools, written anew from their documentation and sources, on the same records.

Each says what it would have complained of, in our words, or ``"?"`` where it names no fault or no direction. Where a tool looks
at raw tensors and the record has norms, the norm is taken instead, which favours the tool: it averages noise away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from etude.analysis.diagnosis.evidence import Evidence
from etude.core.trace import Array

Complaints = set[str]


def sagemaker(e: Evidence) -> Complaints:
    """SageMaker Debugger: its built-in rules at their defaults."""
    said: Complaints = set()
    loss = e.loss
    if not np.isfinite(loss).all():
        said.add("?")  # ExplodingTensor
    if len(loss) > 10 and (loss[10:] >= loss[:-10]).any():
        said.add("?")  # LossNotDecreasing
    ratios = _finite(e.step("update_ratio"))
    if (ratios > 10).any() or (ratios < 1e-8).any():
        said.add("?")  # WeightUpdateRatio
    if any((_finite(g) < 1e-7).any() for g in e.family("gradient_norm", steps=True).values()):
        said.add("vanishing")
    if any((_finite(d) > 0.5).any() for d in e.family("dead").values()):
        said.add("dead_units")
    if any((_finite(s) > 0.5).any() for s in e.family("saturated").values()):
        said.add("saturated")
    sizes = [float(c[0]) for c in e.family("activation_rms").values() if len(c) and np.isfinite(c[0]) and c[0] > 0]
    if len(sizes) > 1 and (max(sizes) / min(sizes)) ** 2 > 10:
        said.add("bad_init")  # PoorWeightInitialization
    train, held_out = e.point("train_loss"), e.point("validation_loss")
    if train is not None and held_out is not None and ((held_out - train) / np.maximum(train, 1e-12) > 0.1)[1:].any():
        said.add("overfitting")
    return said


def deepdiagnosis(e: Evidence) -> Complaints:
    """DeepDiagnosis: the first complaint of its decision tree."""
    if any((_finite(s) > 0.5).any() for s in e.family("saturated").values()):
        return {"saturated"}
    if any((_finite(d) >= 0.7).any() for d in e.family("dead").values()):
        return {"dead_units"}
    if any((_finite(g) < 1e-7).any() for g in e.family("gradient_norm", steps=True).values()):
        return {"vanishing"}
    if not np.isfinite(e.loss).all():
        return {"?"}
    ratios = [_finite(r) for r in e.family("update_ratio", steps=True).values()]
    if any(len(r) and not 1e-5 <= float(np.median(r)) <= 0.1 for r in ratios):
        return {"?"}  # "Learning Rate", without a direction
    return set()


def autotrainer(e: Evidence) -> Complaints:
    """AUTOTRAINER: from 30 % of the evaluations on; regression has no accuracy, so there only its other rules can speak."""
    said: Complaints = set()
    if not np.isfinite(e.loss).all() or (_finite(e.loss) >= 1e3).any():
        said.add("too_high")
    norms = [n for name, n in e.family("gradient_norm", steps=True).items() if "bias" not in name]
    if len(norms) > 1:
        late = slice(int(0.3 * e.steps), None)
        first, last = (
            float(np.nanmedian(n[late])) if np.isfinite(n[late]).any() else np.nan for n in (norms[0], norms[-1])
        )
        if first < 1e-3 * last and first < 1e-4:
            said.add("vanishing")
        if first > 70 * last:
            said.add("time_explosion")
    if any((_finite(d) >= 0.7).any() for d in e.family("dead").values()):
        said.add("dead_units")
    accuracy = e.point("validation_accuracy")
    if accuracy is not None and len(accuracy) > 4:
        late_accuracy = accuracy[int(0.3 * len(accuracy)) :]
        changes = np.diff(late_accuracy)
        if (changes <= -0.03).mean() >= 0.2:
            said.add("too_high")  # oscillating loss: a lower learning rate is tried
        if (np.diff(accuracy) < 0.01).all() and late_accuracy[-1] < 0.6:
            said.add("?")  # slow convergence: learning rates from a fixed ladder are tried
    return said


def olmo(e: Evidence) -> Complaints:
    """OLMo-core's skip-step: loss or gradient norm beyond the mean plus six deviations of the last 128 steps."""
    for column in (e.loss, e.step("gradient_norm")):
        if column is None:
            continue
        for t in range(128, len(column)):
            window = column[t - 128 : t]
            if column[t] > window.mean() + 6 * window.std():
                return {"spike"}
    return set()


def llm_foundry(e: Evidence) -> Complaints:
    """llm-foundry's KillLossSpike: five steps in a row at twice the mean of a window of 5 % of the run, at least 100 steps."""
    loss, window, row = e.loss, max(100, e.steps // 20), 0
    for t in range(window, len(loss)):
        row = row + 1 if loss[t] >= 2 * loss[t - window : t].mean() else 0
        if row >= 5:
            return {"too_high"}
    return set()


OTHERS: dict[str, Callable[[Evidence], Complaints]] = {
    "SageMaker Debugger": sagemaker,
    "DeepDiagnosis": deepdiagnosis,
    "AUTOTRAINER": autotrainer,
    "OLMo skip-step": olmo,
    "llm-foundry": llm_foundry,
}


def _finite(column: Array | None) -> Array:
    return np.zeros(0) if column is None else column[np.isfinite(column)]
