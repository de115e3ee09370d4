"""The suggestions that finders usually read off a ramp, for comparison; Étude's answer does not rest on them.

All read the losses ℓ after exponential smoothing with β = 0.98 and correction of its bias, without the first tenth of the
ramp and its last five steps, as fastai's finder does, where the rules have their names from.
"""

from __future__ import annotations

import numpy as np

from etude.analysis.finder.ramp import Ramp
from etude.core.trace import Array

_BETA = 0.98
_APART = 15
_SLOPE_CHANGE = 0.05
_FEWEST = 20


def classical(ramp: Ramp) -> dict[str, float]:
    """Learning rates by rule: ``valley``, ``slide``, ``minimum``, ``steep``; none for a ramp that is too short.

    - ``minimum``: a tenth of the η at the lowest loss;
    - ``steep``: the η where dℓ/d log η is lowest (Smith 2017 reads the range off the same slope);
    - ``valley``: with s … e the span of the longest falling subsequence, of length m and ending at e, the η at
      s + ⌊m/3⌋ + ⌊m/6⌋ with s = e − m;
    - ``slide``: coming from the largest η, the first place where the slope dℓ/di at 15 steps distance differs by no more
      than 0.05.

    References:
        Smith (2017), Cyclical learning rates for training neural networks; fastai's ``lr_find`` for the names.
    """
    finite = np.isfinite(ramp.losses)
    lrs = ramp.lrs[: len(ramp.losses)][finite]
    if len(lrs) < _FEWEST:
        return {}
    part = slice(len(lrs) // 10, -5)
    losses, lrs = _exponential(ramp.losses[finite])[part], lrs[part]
    steps = np.diff(losses) / np.diff(np.log(lrs))
    return {
        "valley": float(lrs[_valley(losses)]),
        "slide": float(lrs[_slide(losses)]),
        "minimum": float(lrs[np.argmin(losses)] / 10),
        "steep": float(lrs[np.argmin(steps)]),
    }


def _exponential(losses: Array) -> Array:
    mean, out = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses):
        mean = _BETA * mean + (1 - _BETA) * float(loss)
        out[i] = mean / (1 - _BETA ** (i + 1))
    return out


def _valley(losses: Array) -> int:
    length = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        higher = length[:i][losses[:i] > losses[i]]
        length[i] += higher.max(initial=0)
    end = int(np.argmax(length))
    longest = int(length[end])
    return min(max(end - longest, 0) + longest // 3 + longest // 6, len(losses) - 1)


def _slide(losses: Array) -> int:
    slope = np.gradient(losses)
    left = len(slope) - 1 - _APART
    while left > 0 and abs(slope[left + _APART] - slope[left]) > _SLOPE_CHANGE:
        left -= 1
    return max(left, 0)
