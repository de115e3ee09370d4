"""Whether a truth that was measured anew agrees with the stored one."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from finding.problems import Problem
from finding.truth import load, store

TOLERANCE = 0.02
"""Of the attainable range, in the mean over seeds, where at most a tenth of it is lost. On the machine that the stored truths
come from, all numbers are equal. On another one sums are rounded otherwise, and near the edge every run is chaotic: there
nothing can be promised."""

_COMPARED = 0.1


@final
@dataclass(frozen=True)
class Disagreement:
    """How far two truths of a problem lie apart.

    Attributes:
        near: Largest difference of regret where either truth loses at most a tenth [share of the attainable range].
        anywhere: Largest difference of regret.
        decades: Between the best learning rates.
    """

    near: float
    anywhere: float
    decades: float

    @property
    def agrees(self) -> bool:
        """Whether they agree within ``TOLERANCE``."""
        return self.near <= TOLERANCE

    def __str__(self) -> str:
        apart = (
            f"{100 * self.near:.2f} % near the best η, {100 * self.anywhere:.2f} % anywhere, {self.decades:.3f} decades"
        )
        return f"{apart}: {'agrees' if self.agrees else 'DISAGREES'}"


def disagreement(problem: Problem, told: dict[str, object]) -> Disagreement:
    """Compare what was measured with what is stored."""
    with tempfile.TemporaryDirectory() as folder:
        store(told, Path(folder) / f"{problem.name}.json")
        new = load(problem, Path(folder))
    old = load(problem)
    apart = np.abs(new.curve - old.curve)
    near = np.minimum(new.curve, old.curve) <= _COMPARED
    return Disagreement(float(apart[near].max()), float(apart.max()), abs(float(np.log10(new.best / old.best))))
