"""Grids: the learning rates of a sweep, and the values of a second axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from etude.analysis.along import FRACTIONS
from etude.core.errors import SpecError

DEFAULT_LR = "1e-4:1:24"
"""Four decades up to where most networks diverge; 24 resolve a factor of 1.5."""

COARSE_LR = "1e-4:1:10"
"""The same range where a sweep refines its grid itself: halving these steps gives three quarters of an octave."""

MOST_VALUES = 50
"""Values of a second axis: each is a whole sweep."""

_BY_RATIO = ("batch_size", "steps", "epochs", "eps", "weight_decay", "clip", "clip_value")
_WHOLE = ("batch_size", "steps", "seeds")


def parse_grid(text: str) -> list[float]:
    """Learning rates of ``LOW:HIGH:N``, evenly spaced in log η, both ends included.

    Raises:
        SpecError: When the text is no such grid, or the range is empty, inverted or of one point.

    Example:
        >>> parse_grid("0.01:1:3")
        [0.01, 0.1, 1.0]
    """
    parts = text.split(":")
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
        if len(parts) != 3:
            raise ValueError
    except (ValueError, IndexError):
        raise SpecError(f"a grid of learning rates is LOW:HIGH:N, got {text!r}: write for example 1e-4:1:24") from None
    if not (math.isfinite(low) and math.isfinite(high) and low > 0):
        raise SpecError(f"learning rates must be positive and finite, got {text!r}: write for example 1e-4:1:24")
    if not low < high:
        raise SpecError(f"the lowest learning rate must be below the highest, got {text!r}: write LOW:HIGH:N")
    if not 2 <= count <= 1000:
        raise SpecError(f"needs between 2 and 1000 learning rates, got {count} in {text!r}: 24 resolve a factor of 1.5")
    inner = 10 ** np.linspace(math.log10(low), math.log10(high), count)[1:-1]
    lrs = [low, *(float(f"{v:.12g}") for v in inner), high]
    if not all(a < b for a, b in pairwise(lrs)):
        raise SpecError(f"needs {count} different learning rates, got {text!r}: widen the range or lower N")
    return lrs


@dataclass(frozen=True)
class Axis:
    """A second axis beside the learning rate.

    Attributes:
        key: An option of the study, or a hyperparameter of its optimizer.
        values: Ascending.
    """

    key: str
    values: tuple[float, ...]


def parse_axis(text: str) -> Axis:
    r"""The axis ``key=LOW:HIGH:N``, or ``key=value,value,…``.

    The N values are spaced as the quantity acts: batch size, steps, ε, weight decay and clipping evenly in their logarithm;
    momentum and other averaging coefficients β evenly in log(1−β), since 1/(1−β) is how many steps they average over;
    anything else evenly. Values between the ends are rounded to three digits.

    Raises:
        SpecError: When the text is no such axis.

    Example:
        >>> parse_axis("momentum=0:0.99:3")
        Axis(key='momentum', values=(0.0, 0.9, 0.99))
        >>> parse_axis("batch_size=16:256:3").values
        (16, 64, 256)
    """
    key, equals, inside = (part.strip() for part in text.partition("="))
    key = key.replace("-", "_")
    if not equals or not key or not inside:
        raise SpecError(f"a second axis is KEY=LOW:HIGH:N or KEY=V,V,…, got {text!r}: write momentum=0:0.99:4")
    parts = inside.split(":" if ":" in inside else ",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not numbers or (":" in inside and len(numbers) != 3):
        raise SpecError(f"a second axis is KEY=LOW:HIGH:N or KEY=V,V,…, got {text!r}: write numbers")
    values = _spaced(key, *numbers) if ":" in inside else numbers
    if key in _WHOLE:
        values = [round(v) for v in values]
    values = sorted(set(values))
    if not 2 <= len(values) <= MOST_VALUES:
        raise SpecError(f"needs between 2 and {MOST_VALUES} values of {key}, got {len(values)}: each is a whole sweep")
    return Axis(key, tuple(values))


def _spaced(key: str, low: float, high: float, count: float) -> list[float]:
    if not (math.isfinite(low) and math.isfinite(high) and low < high and 2 <= count <= MOST_VALUES):
        raise SpecError(
            f"needs LOW < HIGH and between 2 and {MOST_VALUES} values, got {key}={low:g}:{high:g}:{count:g}: "
            "write momentum=0:0.99:4"
        )
    number = int(count)
    if key in _BY_RATIO and low > 0:
        inner = np.geomspace(low, high, number)
    elif key in FRACTIONS and 0 <= low < high < 1:
        inner = 1 - np.geomspace(1 - low, 1 - high, number)
    else:
        inner = np.linspace(low, high, number)
    return [low, *(float(f"{v:.3g}") for v in inner[1:-1]), high]
