"""What options must fulfil beyond their types."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from etude.analysis.tipping import FEWEST_SEEDS

if TYPE_CHECKING:
    from etude.studies.spec import StudySpec

MOST_RUNS = 20_000
"""Runs of a grid: a study of more is a slip of the pen, and would take minutes to say that it does not fit the disk."""


def check_amounts(spec: StudySpec) -> None:
    """Raise ``ValueError`` for an amount out of its range, or two that exclude each other."""
    for name in ("seeds", "steps", "batch_size"):
        value = getattr(spec, name)
        if value is not None and value < 1:
            raise ValueError(f"needs {name} >= 1, got {value}: pass a positive whole number")
    if spec.epochs is not None and not spec.epochs > 0:
        raise ValueError(f"needs epochs > 0, got {spec.epochs}: pass a positive number")
    if spec.steps is not None and spec.epochs is not None:
        raise ValueError(f"got both steps = {spec.steps} and epochs = {spec.epochs}: pass one of them")
    if not (math.isfinite(spec.tolerance) and spec.tolerance >= 0):
        raise ValueError(f"needs tolerance >= 0, got {spec.tolerance}: 0.02 means 2 %")
    for name in ("clip", "clip_value"):
        value = getattr(spec, name)
        if value is not None and not value > 0:
            raise ValueError(f"needs {name} > 0, got {value}: leave it out to train without clipping")
    if spec.clip is not None and spec.clip_value is not None:
        raise ValueError(f"got both clip = {spec.clip} and clip_value = {spec.clip_value}: pass one of them")
    if len(spec.lrs) * spec.seeds > MOST_RUNS:
        raise ValueError(
            f"needs at most {MOST_RUNS} runs, got {len(spec.lrs)} learning rates × {spec.seeds} seeds: lower one of them"
        )


def check_precision(spec: StudySpec) -> None:
    """Raise ``ValueError`` for a precision that cannot be reached, or a budget that has none."""
    if spec.precision is None:
        if spec.budget is not None:
            raise ValueError(f"got budget = {spec.budget} without a precision: pass one in decades, such as 0.2")
        return
    if not 0.01 <= spec.precision <= 2:
        raise ValueError(f"needs 0.01 <= precision <= 2, got {spec.precision}: it is a width in decades, such as 0.2")
    if spec.seeds < FEWEST_SEEDS:
        raise ValueError(
            f"a precision needs seeds >= {FEWEST_SEEDS}, got {spec.seeds}: pass 10, most of which are spared"
        )
