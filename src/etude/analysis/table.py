"""Runs laid out as a table: learning rates × seeds.

Axes: L learning rates (ascending), S seeds (ascending), E evaluations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from etude.core.errors import SpecError
from etude.core.spec import RunSpec
from etude.core.trace import Array, Ending, Trace

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SweepTable:
    """A sweep over learning rate and seed, and the loss that each run counts as.

    A diverged run counts as its loss at initialization ℓ0, and every loss is capped there, ``min(ℓ, ℓ0)``
    (Wortsman et al., 2023, §2.2): a run that ends above ℓ0 achieved nothing, how far above says nothing more.

    Attributes:
        lrs: (L,) ascending.
        seeds: (S,) ascending. Runs in one column share initialization and data order, so columns are paired.
        cells: (L, S) traces; ``None`` where nothing was run.
    """

    lrs: Array
    seeds: NDArray[np.int64]
    cells: tuple[tuple[Trace | None, ...], ...]

    @classmethod
    def of(cls, runs: Sequence[tuple[RunSpec, Trace]]) -> SweepTable:
        """Lay out runs that differ in nothing but ``peak_lr`` and ``seed``.

        Raises:
            SpecError: When there are no runs, when two share learning rate and seed, or when they differ in more.
        """
        if not runs:
            raise SpecError("needs at least one run to analyse, got none: run the study first")
        _require_one_sweep([spec for spec, _ in runs])
        found = {(spec.peak_lr, spec.seed): trace for spec, trace in runs}
        if len(found) < len(runs):
            raise SpecError("two runs share learning rate and seed: pass each run once")
        lrs = sorted({lr for lr, _ in found})
        seeds = sorted({seed for _, seed in found})
        cells = tuple(tuple(found.get((lr, seed)) for seed in seeds) for lr in lrs)
        return cls(np.asarray(lrs, dtype=np.float64), np.asarray(seeds, dtype=np.int64), cells)

    def balanced(self) -> SweepTable:
        """Only the learning rates at which every seed of the sweep came to its end.

        Where some seeds are missing, differences between learning rates would be differences between seeds.

        Raises:
            SpecError: When there is no such learning rate.
        """
        rows = np.flatnonzero(self.ran.all(axis=1))
        if not len(rows):
            raise SpecError("no learning rate was run on every seed: finish the study before analysing it")
        return SweepTable(self.lrs[rows], self.seeds, tuple(self.cells[i] for i in rows))

    def first(self, seeds: int) -> SweepTable:
        """The runs of its first seeds alone."""
        return SweepTable(self.lrs, self.seeds[:seeds], tuple(row[:seeds] for row in self.cells))

    def comparable(self) -> SweepTable:
        """Only the learning rates that can be compared: those with at least two seeds, or all of them.

        A sweep that spends its runs where the answer is decided leaves some learning rates with few seeds. Means over seeds
        refer them to those that have all (``statistics.resampled_means``).

        Raises:
            SpecError: When no learning rate was run on every seed.
        """
        self.balanced()
        rows = np.flatnonzero(self.ran.sum(axis=1) >= min(2, len(self.seeds)))
        return SweepTable(self.lrs[rows], self.seeds, tuple(self.cells[i] for i in rows))

    @cached_property
    def ran(self) -> Mask:
        """(L, S) whether the run came to its end, completed or diverged."""
        return self._map(lambda trace: float(trace.outcome.ending is not Ending.STOPPED), 0.0) > 0

    @cached_property
    def diverged(self) -> Mask:
        """(L, S) whether the run diverged."""
        return self._map(lambda trace: float(trace.outcome.diverged), 0.0) > 0

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """Spec hashes of the runs that came to their end."""
        rows = zip(self.cells, self.ran, strict=True)
        return tuple(c.spec_hash for row, ran in rows for c, r in zip(row, ran, strict=True) if c is not None and r)

    @cached_property
    def steps(self) -> Array:
        """(E,) steps at which any run was evaluated, ascending."""
        columns = [
            c.evaluations["step"] for row in self.cells for c in row if c is not None and "step" in c.evaluations
        ]
        return np.unique(np.concatenate(columns)) if columns else np.empty(0)

    @property
    def octaves(self) -> Array:
        """(L,) log2 η."""
        return np.log2(self.lrs)

    def final(self, metric: str) -> Array:
        """(L, S) a number measured at the end; NaN where not run or left early."""
        return self._map(lambda trace: trace.final.get(metric, np.nan), np.nan)

    def has(self, metric: str) -> bool:
        """Whether any run measured this at its end."""
        return bool(np.isfinite(self.final(metric)).any())

    def initial(self, metric: str) -> Array:
        """(L, S) the evaluation at step 0; NaN where there is none."""
        return self._map(lambda trace: _first(trace, metric), np.nan)

    def baseline(self, metric: str) -> Array:
        """(S,) the evaluation at step 0 of each seed, which its runs share.

        A seed without a finite one takes the mean of the others.
        """
        own = _mean_of_known(self.initial(metric))
        return np.where(np.isfinite(own), own, _mean_of_known(own))

    def result(self, metric: str) -> Array:
        """(L, S) what each run counts as: its final number, or its initial one if it diverged; NaN where not run.

        Losses are capped at their initial value.
        """
        final, initial = self.final(metric), np.broadcast_to(self.baseline(metric), self.ran.shape)
        value = np.where(self.diverged | ~np.isfinite(final), initial, final)
        if metric.endswith("loss"):
            value = np.where(value > initial, initial, value)
        return np.where(self.ran, value, np.nan)

    def curve(self, metric: str) -> Array:
        """(L, S, E) an evaluation column at ``steps``, by the same rule as ``result``.

        From the step where it diverged a run counts as its initial value; where a run was not evaluated: NaN.
        """
        initial = self.baseline(metric)
        out = np.full((*self.ran.shape, len(self.steps)), np.nan)
        for i, row in enumerate(self.cells):
            for j, trace in enumerate(row):
                if trace is not None and metric in trace.evaluations:
                    out[i, j] = _on_grid(trace, metric, self.steps, float(initial[j]))
        return out

    def _map(self, number: Callable[[Trace], float], missing: float) -> Array:
        rows = [[missing if cell is None else number(cell) for cell in row] for row in self.cells]
        return np.asarray(rows, dtype=np.float64)


def _require_one_sweep(specs: Sequence[RunSpec]) -> None:
    first = specs[0]
    for spec in specs:
        if replace(spec, peak_lr=first.peak_lr, seed=first.seed) != first:
            raise SpecError(
                f"runs {first.hash} and {spec.hash} differ in more than learning rate and seed: analyse one sweep at a time"
            )


def _first(trace: Trace, metric: str) -> float:
    steps, column = trace.evaluations.get("step"), trace.evaluations.get(metric)
    if steps is None or column is None or not len(column) or steps[0] != 0:
        return np.nan
    return float(column[0])


def _on_grid(trace: Trace, metric: str, steps: Array, initial: float) -> Array:
    own, column = trace.evaluations["step"], trace.evaluations[metric]
    out = np.full(len(steps), np.nan)
    out[np.searchsorted(steps, own)] = column
    if trace.outcome.diverged:
        out[steps >= trace.outcome.step] = initial
        out[np.isnan(out)] = initial
    if metric.endswith("loss"):
        out = np.where(out > initial, initial, out)
    return out


def _mean_of_known(values: Array) -> Array:
    """Mean over the first axis of what is finite; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
