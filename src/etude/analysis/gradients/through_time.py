"""How gradients change on their way back through time, at initialization."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from etude.analysis.gradients.signals import Init, weight_gain
from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value

PER_STEP = "powers of ten per time step"


def time_finding(tables: Mapping[str, tuple[Init, SweepTable]], options: SweepOptions) -> Finding:
    """Does an orthogonal recurrent matrix keep the gradient where torch's default lets it vanish?

    Args:
        tables: Initialization of the recurrent matrix and runs, by label; ``"default"`` and ``"orthogonal"`` among them.
        options: How they are analysed.
    """
    slopes = {name: table.baseline("hidden_gradient/slope") for name, (_, table) in tables.items()}
    linear = {name: float(np.log10(weight_gain(init, "tanh")) / 2) for name, (init, _) in tables.items()}
    intervals = {name: t_interval(own, options.confidence) for name, own in slopes.items()}
    details = {
        "measured": {name: own.mean() for name, own in slopes.items()},
        "interval": intervals,
        "without_saturation": linear,
    }
    runs = tuple(run for _, table in tables.values() for run in table.hashes)
    default, orthogonal = slopes["default"], slopes["orthogonal"]
    low, high = intervals["default"]
    values: dict[str, Value] = {
        "default": 10 ** float(default.mean()),
        "low": 10**low,
        "high": 10**high,
        "linear": 10 ** linear["default"],
        "orthogonal": 10 ** float(orthogonal.mean()),
        "level": 100 * options.confidence,
        "seeds": len(default),
    }
    gain = t_interval(orthogonal - default, options.confidence)
    question = Message("gradients.time.question")
    if not (np.isfinite(gain[0]) and gain[0] > 0):
        why = Message("gradients.time.open", values)
        return Finding(
            "through_time", question, Verdict.INCONCLUSIVE, why, unit=PER_STEP, details=plain(details), runs=runs
        )
    statement = Message("gradients.time.keeps", values)
    return Finding(
        "through_time",
        question,
        Verdict.SUPPORTED,
        statement,
        float(default.mean()),
        (low, high),
        PER_STEP,
        plain(details),
        runs,
    )
