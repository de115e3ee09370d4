"""In which order examples are seen: permutations that depend on nothing but their key."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# The first key word of orders that belong to no seed: how a split is made and in which order it is evaluated.
FIXED = 2**64 - 1


def permutation(size: int, seed: int, index: int) -> Tensor:
    r"""Permutation number ``index`` of ``seed``, of the numbers 0 … size−1.

    The order that sorts ``size`` words of the counter-based generator Philox4x64-10 with key (seed, index). NumPy
    promises that stream for all versions, which it does not for ``Generator.permutation``.

    Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).

    Args:
        size: Number of examples, at least 0.
        seed: First half of the key, 0 … 2⁶⁴−1.
        index: Second half of the key, such as the epoch.

    Returns:
        (size,) int64.

    Example:
        >>> sorted(permutation(5, seed=0, index=3).tolist())
        [0, 1, 2, 3, 4]
    """
    words = np.random.Philox(key=np.array([seed, index], dtype=np.uint64)).random_raw(size)
    return torch.from_numpy(np.argsort(np.asarray(words), kind="stable"))


@lru_cache(maxsize=32)
def epoch_order(size: int, seed: int, epoch: int, device: torch.device) -> Tensor:
    """The permutation of an epoch on ``device``, kept because an epoch's steps all need it."""
    return permutation(size, seed, epoch).to(device)
