"""The randomness of a model that has any (dropout), by its address."""

from __future__ import annotations

import numpy as np


def step_seed(seed: int, step: int) -> int:
    """Seed of a model's own randomness at a step: equal for all lanes of a replicate, whatever ran before.

    Example:
        >>> step_seed(0, 1) == step_seed(0, 1) != step_seed(0, 2)
        True
    """
    return int(np.random.SeedSequence((seed, step)).generate_state(1)[0])
