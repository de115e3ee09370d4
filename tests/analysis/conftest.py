"""Sweeps with a known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from etude.analysis.table import SweepTable
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Array, Ending, Outcome, Trace

STEPS = 100


@dataclass(frozen=True)
class Constant:
    steps: int

    def __call__(self, t: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Rule:
    momentum: float = 0.0


def spec(lr: float, seed: int) -> RunSpec:
    return RunSpec(TaskRef("synthetic", "0"), Rule(), Constant(STEPS), lr, STEPS, 8, seed, evaluate_every=10)  # type: ignore[arg-type]


def run(
    lr: float, seed: int, final: dict[str, float], initial: dict[str, float], *, diverged: bool = False
) -> tuple[RunSpec, Trace]:
    """A run whose evaluations fall exponentially from the initial to the final number, or that diverges at step 30."""
    one = spec(lr, seed)
    last = 20 if diverged else STEPS
    steps = np.arange(0, last + 1, 10, dtype=np.float64)
    columns = {
        name: final[name] + (initial[name] - final[name]) * np.exp(-steps / 10)
        if not diverged
        else np.full_like(steps, initial[name])
        for name in initial
    }
    outcome = Outcome(Ending.DIVERGED, 30, "synthetic") if diverged else Outcome(Ending.COMPLETED, STEPS)
    return one, Trace(one.hash, outcome, {}, {"step": steps} | columns, {} if diverged else final)


@dataclass(frozen=True)
class Valley:
    """Validation loss: an asymmetric U in x = log2 η with its minimum at ``best``, and a cliff at ``cliff``.

    Training loss: falls by powers of ten up to the cliff.
    """

    best: float = -5.0
    cliff: float = -2.0
    noise: float = 0.004
    initial: float = 2.3
    floor: float = 0.4

    def loss(self, x: Array | float) -> Array:
        d = np.asarray(x) - self.best
        rise = np.where(d < 0, 0.035 * d**2 / (1 + 0.12 * np.abs(d)), 0.05 * d**2 * (1 + 0.3 * d))
        return np.minimum(self.floor + rise, self.initial)

    def sweep(self, lrs: Array, seeds: int, rng: np.random.Generator) -> list[tuple[RunSpec, Trace]]:
        shift, level = rng.normal(0, 0.15, seeds), rng.normal(0, 0.02, seeds)
        cliffs = self.cliff + rng.normal(0, 0.05, seeds)
        runs = []
        for lr in lrs:
            for seed in range(seeds):
                x = np.log2(lr)
                validation = float(self.loss(x - shift[seed]) + level[seed] + rng.normal(0, self.noise))
                train = float(10 ** (-1.0 - 0.4 * (x + 12)) * np.exp(rng.normal(0, 0.1)))
                final = {"train_loss": min(train, 2.2), "validation_loss": validation}
                start = {"train_loss": self.initial + level[seed], "validation_loss": self.initial + level[seed]}
                runs.append(run(float(lr), seed, final, start, diverged=bool(x > cliffs[seed])))
        return runs


@pytest.fixture
def valley() -> Valley:
    return Valley()


MakeRun = Callable[..., tuple[RunSpec, Trace]]


@pytest.fixture
def make_run() -> MakeRun:
    return run


@pytest.fixture
def table_of() -> Callable[..., SweepTable]:
    """A table from (L, S) final training losses, NaN where the run diverged; by default 2.0 at the start."""

    def build(lrs: list[float], losses: list[list[float]], initial: float = 2.0) -> SweepTable:
        return SweepTable.of(
            [
                run(lr, seed, {"train_loss": loss}, {"train_loss": initial}, diverged=bool(np.isnan(loss)))
                for lr, row in zip(lrs, losses, strict=True)
                for seed, loss in enumerate(row)
            ]
        )

    return build
