"""Which entries of a noisy column stand out from those before them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etude.core.trace import Array

WINDOW = 128
LEAST = 24
LIMIT = 8.0
LONGEST = 16
_TO_SIGMA = 1.4826


def outliers(values: Array, limit: float = LIMIT, window: int = WINDOW) -> NDArray[np.bool_]:
    r"""Entries far above the median of the clean ones before them.

    .. math:: \frac{x_t - \mathrm{med}}{1.4826\,\mathrm{MAD}} > \mathrm{limit}

    over the last ``window`` entries that were neither outliers nor missing: what stands out never enters the window, so that
    one spike does not hide the next. Entries that are not finite are outliers themselves. When more than ``LONGEST`` in a row
    stand out the level has changed; the window then begins anew with them, and they are no outliers any more.

    Args:
        values: Column, (T,); take logarithms first of what is positive.
        limit: In robust standard deviations; of Gaussian entries, 8 is passed once in 10¹⁵.
        window: Clean entries looked back on; nothing is said before ``LEAST`` of them are there.

    Example:
        >>> noise = np.sin(np.arange(100.0) ** 2)
        >>> noise[[50, 60]] = 30, np.nan
        >>> np.flatnonzero(outliers(noise)).tolist()
        [50, 60]
    """
    flagged = np.zeros(len(values), dtype=bool)
    clean: list[float] = []
    middle = spread = 0.0
    for t, x in enumerate(values):
        known = len(clean) >= LEAST
        if known and (t % 4 == 0 or len(clean) < 2 * LEAST):
            recent = np.asarray(clean[-window:])
            middle = float(np.median(recent))
            spread = max(_TO_SIGMA * float(np.median(np.abs(recent - middle))), 1e-12 * max(abs(middle), 1e-300))
        flagged[t] = not np.isfinite(x) or (known and x - middle > limit * spread)
        if not flagged[t]:
            clean.append(float(x))
        elif t >= LONGEST and np.isfinite(values[t - LONGEST : t + 1]).all() and flagged[t - LONGEST : t + 1].all():
            flagged[t - LONGEST : t + 1] = False
            clean = [float(v) for v in values[t - LONGEST : t + 1]]
    return flagged
