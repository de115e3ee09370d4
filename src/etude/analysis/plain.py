"""Numbers as JSON takes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Arrays as nested lists, numpy scalars as Python's, what is not finite as ``None``.

    Example:
        >>> plain({"mean": np.array([0.5, np.inf]), "seeds": np.int64(3)})
        {'mean': [0.5, None], 'seeds': 3}
    """
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
