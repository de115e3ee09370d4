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


def check_positive(name: str, value: float, usual: str) -> None:
    """Raise ``SpecError`` unless value > 0 and finite."""
    if not (math.isfinite(value) and value > 0):
        raise SpecError(f"needs {name} > 0, got {value}: {usual} is usual")


def check_moments(beta1: float, beta2: float, eps: float, weight_decay: float) -> None:
    """Raise ``SpecError`` unless Adam's hyperparameters are in range."""
    check_fraction("beta1", beta1)
    check_fraction("beta2", beta2)
    check_positive("eps", eps, "1e-8")
    check_at_least_zero("weight_decay", weight_decay)
