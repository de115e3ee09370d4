"""Arrays made small for the script of a page: rounded, and thinned where a curve has more points than pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude.report.figures import Array

Indices = NDArray[np.intp]

MAX_POINTS = 400
"""Points kept of one curve: about one per CSS pixel that half a figure has."""

EXCERPT = 9
"""Columns of a table that shows an excerpt of a curve."""


def packed(value: float | None) -> float | None:
    """Six significant digits are finer than a pixel; JSON has no NaN and no infinity."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def packed_all(values: Array | None) -> Any:
    """Numbers of an array, of any shape, as nested lists."""
    if values is None:
        return None
    return [packed_all(row) for row in values] if values.ndim > 1 else [packed(float(v)) for v in values]


def thinned(values: Array, keep: int = MAX_POINTS) -> Indices:
    """Indices of at most ``keep`` points: of each of keep/2 equal intervals the lowest and the highest value.

    Spikes survive, unlike with every n-th point. Where a curve turns NaN, the first NaN is kept, so that the line ends
    there. First and last point are kept.
    """
    if len(values) <= keep:
        return np.arange(len(values))
    chosen: set[int] = {0, len(values) - 1}
    for part in np.array_split(np.arange(1, len(values) - 1), keep // 2 - 1):
        finite = part[np.isfinite(values[part])]
        if len(finite):
            chosen |= {int(finite[np.argmin(values[finite])]), int(finite[np.argmax(values[finite])])}
        else:
            chosen.add(int(part[0]))
    return np.array(sorted(chosen))


def spread(count: int, keep: int) -> Indices:
    """Indices of at most ``keep`` evenly spaced items of ``count``, with the first and the last.

    Example:
        >>> spread(100, 4).tolist(), spread(3, 9).tolist(), spread(0, 9).tolist()
        ([0, 33, 66, 99], [0, 1, 2], [])
    """
    return np.unique(np.linspace(0, count - 1, min(keep, count)).astype(int)) if count else np.arange(0)
