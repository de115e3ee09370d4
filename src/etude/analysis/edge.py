"""The edge: the learning rate beyond which runs diverge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etude.analysis.options import SweepOptions
from etude.analysis.statistics import wilson_interval
from etude.analysis.table import SweepTable
from etude.analysis.tipping import tipping_brackets, tipping_interval
from etude.core.trace import Array


@dataclass(frozen=True, eq=False)
class Edge:
    """Where runs begin to diverge.

    The edge is the smallest η at which at least half of the seeds diverge: P(diverge | η) ≥ 1/2. It lies between two
    neighbouring learning rates that were run, ``lower`` and ``upper``.

    P may be non-monotone: chaotic trajectories, or a loss that recovers. Then ``reversal`` is the largest η above the
    edge where fewer than half of the seeds diverge; the edge stays the *first* crossing, since what lies beyond it is
    not safe only because it sometimes holds.

    Attributes:
        lrs: (L,) learning rates at which anything ran.
        diverged: (L,) number of seeds that diverged.
        ran: (L,) number of seeds that ran.
        low: (L,) lower Wilson limit of P(diverge | η).
        high: (L,) upper Wilson limit.
        lower: Largest η below the edge; ``None`` when already the smallest η diverges.
        upper: Smallest η with P ≥ 1/2; ``None`` when there is none.
        onset: Smallest η at which any seed diverged; ``None`` when none did.
        certain: Smallest η from which on every seed diverged; ``None`` when there is none.
        reversal: See above; ``None`` when P crosses 1/2 once.
        seed_lower: (S,) largest η at which each seed still held; 0 where there is none. Seeds that only ran on
            one side of the edge are left out.
        seed_upper: (S,) smallest η from which it diverged; +inf where there is none.
        interval: Where the edge may lie with other seeds, at least the bracket; 0 and +inf are open ends.
    """

    lrs: Array
    diverged: NDArray[np.int64]
    ran: NDArray[np.int64]
    low: Array
    high: Array
    lower: float | None
    upper: float | None
    onset: float | None
    certain: float | None
    reversal: float | None
    seed_lower: Array
    seed_upper: Array
    interval: tuple[float, float]

    @property
    def estimate(self) -> float | None:
        """Geometric mean of the bracket, or ``None`` when the edge is not bracketed."""
        if self.lower is None or self.upper is None:
            return None
        return float(np.sqrt(self.lower * self.upper))

    @property
    def safe(self) -> float | None:
        """Lower end of the interval, or ``None`` when the edge is not bracketed or that end is open."""
        return self.interval[0] if self.estimate is not None and self.interval[0] > 0 else None

    @property
    def band(self) -> tuple[float, float] | None:
        """What to draw: the interval, an open end as far as anything ran; the bracket where both ends are open."""
        if self.lower is None or self.upper is None:
            return None
        low, high = self.interval
        if low == 0 and np.isinf(high):
            return self.lower, self.upper
        return low or float(self.lrs[0]), high if np.isfinite(high) else float(self.lrs[-1])


def find_edge(table: SweepTable, options: SweepOptions) -> Edge:
    """Count divergences per learning rate, bracket the edge between two neighbours of the grid, and give it an interval."""
    any_ran = table.ran.any(axis=1)
    lrs = table.lrs[any_ran]
    diverged = (table.diverged & table.ran)[any_ran].sum(axis=1)
    ran = table.ran[any_ran].sum(axis=1)
    limits = [wilson_interval(int(k), int(n), options.confidence) for k, n in zip(diverged, ran, strict=True)]
    wilson = np.asarray(limits, dtype=np.float64).reshape(-1, 2)
    beyond = 2 * diverged >= ran
    first = _first_true(beyond)
    lower = None if first == 0 or not len(lrs) else float(lrs[first - 1])
    upper = None if first == len(lrs) else float(lrs[first])
    back = np.flatnonzero(~beyond[first:])
    settled = len(lrs) - _first_true((diverged < ran)[::-1])
    informed = _on_both_sides(table.ran[any_ran], first)
    held, fell = (table.ran & ~table.diverged)[:, informed], (table.ran & table.diverged)[:, informed]
    seed_lower, seed_upper = tipping_brackets(table.lrs, held, fell)
    low, high = tipping_interval(seed_lower, seed_upper, options.confidence)
    return Edge(
        lrs=lrs,
        diverged=diverged,
        ran=ran,
        low=wilson[:, 0],
        high=wilson[:, 1],
        lower=lower,
        upper=upper,
        onset=_at(lrs, _first_true(diverged > 0)),
        certain=_at(lrs, settled),
        reversal=_at(lrs, first + int(back[-1])) if len(back) else None,
        seed_lower=seed_lower,
        seed_upper=seed_upper,
        interval=(min(low, lower or 0.0), max(high, upper or np.inf)),
    )


def _on_both_sides(ran: NDArray[np.bool_], first: int) -> NDArray[np.bool_]:
    """(S,) whether a seed ran below row ``first`` and from there on; where there is nothing on one side, on the other."""
    sides = [side.any(axis=0) for side in (ran[:first], ran[first:]) if len(side)]
    return np.logical_and.reduce(sides) if sides else np.ones(ran.shape[1], dtype=np.bool_)


def _first_true(mask: NDArray[np.bool_]) -> int:
    """Index of the first True; the length when there is none."""
    return int(np.argmax(mask)) if mask.any() else len(mask)


def _at(lrs: Array, index: int) -> float | None:
    return float(lrs[index]) if index < len(lrs) else None
