"""What figures have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from etude.core.message import Message

Array = NDArray[np.float64]
Text = Message | str
MISSING = Message("page.missing.diverged")


@final
@dataclass(frozen=True)
class Mark:
    """A labelled straight line across a figure, such as 2/λmax on the axis of η."""

    value: float
    label: Text

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise ValueError(f"needs a finite value to mark, got {self.value}: leave out what is not known")


def same_length(what: str, *arrays: Array) -> None:
    """Refuse arrays of unequal length.

    Raises:
        ValueError: When their first axes differ.
    """
    lengths = [len(a) for a in arrays]
    if len(set(lengths)) > 1:
        raise ValueError(f"needs arrays of one length in {what}, got {lengths}: pad with NaN where there is no number")
