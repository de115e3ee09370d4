"""How numbers are printed: for readers, not for programs."""

from __future__ import annotations

import math
import re

NOTHING = "–"
"""Shown where there is no number."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SCIENTIFIC = re.compile(r"^(-?[\d.]+)e([+-]\d+)$")


def number(value: float, spec: str = ".3g") -> str:
    """Print a number as a well-set text does: a true minus, powers of ten instead of ``e-05``, ∞, a dash for NaN.

    Example:
        >>> [number(x) for x in (0.028, 0.0000321, -1234.5, 1e-5, float("inf"), float("nan"))]
        ['0.028', '3.21×10⁻⁵', '−1230', '10⁻⁵', '∞', '–']
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = format(value, spec)
    scientific = _SCIENTIFIC.match(text)
    if scientific:
        text = _power_of_ten(scientific[1], int(scientific[2]))
    return text.replace("-", "−")


def interval(estimate: float, low: float, high: float, spec: str = ".3g") -> str:
    """Print an estimate with its interval.

    Example:
        >>> interval(0.028, 0.0241, 0.0329)
        '0.028 [0.0241, 0.0329]'
    """
    return f"{number(estimate, spec)} [{number(low, spec)}, {number(high, spec)}]"


def _power_of_ten(mantissa: str, exponent: int) -> str:
    if 0 < exponent < 6:
        return f"{float(mantissa) * 10**exponent:.0f}"
    power = "10" + str(exponent).translate(_SUPERSCRIPT)
    return {"1": power, "-1": "-" + power}.get(mantissa, f"{mantissa}×{power}")
