"""Ranges of hyperparameters."""

from __future__ import annotations

import math

from etude.core.errors import SpecError


def check_at_least_zero(name: str, value: float) -> None:
    """Raise ``SpecError`` unless value ≥ 0 and finite."""
    if not (math.isfinite(value) and value >= 0):
        raise SpecError(f"needs {name} >= 0, got {value}: pass 0 to switch it off")


def check_fraction(name: str, value: float) -> None:
    """Raise ``SpecError`` unless 0 ≤ value < 1."""
    if not 0 <= value < 1:
        raise SpecError(f"needs 0 <= {name} < 1, got {value}: 0.9 is usual")
