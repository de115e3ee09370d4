"""What every rule refuses, in one wording."""

from __future__ import annotations

import math

from etude.core.errors import SpecError


def positive(value: float, what: str) -> None:
    """Refuse a value that is not positive and finite.

    Raises:
        SpecError: When it is zero, negative, infinite or NaN.
    """
    if not (math.isfinite(value) and value > 0):
        raise SpecError(f"needs {what} > 0 and finite, got {value}: pass a positive number")
