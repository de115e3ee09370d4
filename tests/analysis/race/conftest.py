"""Races with a known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from etude.analysis.options import SweepOptions
from etude.analysis.race.tuned import TunedArm, tune
from etude.analysis.table import SweepTable
from etude.core.trace import Array, Ending, Outcome, Trace

INITIAL = 2.3
STEPS = 100

QUICK = SweepOptions(objective="validation_loss", resamples=1)


def trace(loss: float, lr: float, seed: int, rate: float = 0.1) -> Trace:
    """A run that falls exponentially to ``loss``, or that diverges at step 30 where it is NaN."""
    if np.isnan(loss):
        columns = {
            "step": np.arange(0.0, 30, 10),
            "train_loss": np.full(3, INITIAL),
            "validation_loss": np.full(3, INITIAL),
        }
        return Trace(f"{lr}/{seed}", Outcome(Ending.DIVERGED, 30, "synthetic"), {}, columns, {})
    steps = np.arange(0.0, STEPS + 1, 10)
    curve = loss + (INITIAL - loss) * np.exp(-rate * steps)
    columns = {"step": steps, "train_loss": curve, "validation_loss": curve}
    return Trace(
        f"{lr}/{seed}", Outcome(Ending.COMPLETED, STEPS), {}, columns, {"train_loss": loss, "validation_loss": loss}
    )


def table(octaves: Array, losses: Array, rate: float = 0.1) -> SweepTable:
    """A sweep with final losses (L, S) at 2^octaves."""
    lrs = 2.0 ** np.asarray(octaves, dtype=np.float64)
    cells = tuple(
        tuple(trace(float(v), float(lr), j, rate) for j, v in enumerate(row))
        for lr, row in zip(lrs, losses, strict=True)
    )
    return SweepTable(lrs, np.arange(np.shape(losses)[1]), cells)


def valley(
    rng: np.random.Generator,
    levels: Array,
    *,
    floor: float = 0.4,
    spacing: float = 0.5,
    noise: float = 0.006,
    curve: float = 0.03,
) -> SweepTable:
    """A parabola whose floor lies anywhere between the learning rates; ``levels`` (S,) are the seeds' own."""
    x = np.arange(-4, 4.01, spacing) + rng.uniform(0, spacing)
    centre = rng.normal(0, 0.1, len(levels))
    losses = floor + curve * (x[:, None] - centre) ** 2 + levels + rng.normal(0, noise, (len(x), len(levels)))
    return table(x, np.minimum(losses, INITIAL))


@pytest.fixture
def make_table() -> Callable[..., SweepTable]:
    return table


@pytest.fixture
def make_valley() -> Callable[..., SweepTable]:
    return valley


@pytest.fixture
def quick() -> SweepOptions:
    """Options without resampling, for laws and simulations of what does not resample."""
    return QUICK


@pytest.fixture
def race() -> Callable[..., list[TunedArm]]:
    """Arms with floors ``floors``, tuned."""

    def build(floors: list[float], seeds: int, rng: np.random.Generator, **of: float) -> list[TunedArm]:
        levels = rng.normal(0, 0.02, seeds)
        arms = {f"arm{k}": valley(rng, levels, floor=floor, **of) for k, floor in enumerate(floors)}
        return tune(arms, "validation_loss", QUICK)

    return build
