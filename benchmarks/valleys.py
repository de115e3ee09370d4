"""How often a sparing sweep's interval holds the best learning rate, in simulated valleys whose best one is known.

A seed s ends with the loss f(x − d_s) + l_s + e, x = log2 η: f is an asymmetric valley with a cliff beyond which runs diverge,
d_s the seed's own shift, l_s its own level, e the noise of a run. The truth is the lowest point of the mean over shifts.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from etude.analysis.halving import FIRST_SEEDS, Aim, halve, standing
from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.table import SweepTable
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Array, Ending, Outcome, Trace
from etude.schedules import Constant
from etude.training.rules import SGD

STEPS, START, FLOOR = 100, 2.3, 0.4
CLIFF, LEVELS = 3.0, 0.02
METRIC: LossMetric = "train_loss"
COARSE = np.geomspace(1e-4, 1, 10)
OPTIONS = SweepOptions(lr_range=(1e-4, 1.0))


@dataclass(frozen=True)
class World:
    """Seeds that share a valley at ``centre`` [log2 η]; their own lie off it with standard deviation ``shift`` [octaves]."""

    number: int
    centre: float
    shift: float
    noise: float

    def run(self, lr: float, seed: int) -> tuple[RunSpec, Trace]:
        """The same run whenever it is made."""
        x, own = math.log2(lr) - self.centre, np.random.default_rng([self.number, seed])
        shift, level = own.normal(0, self.shift), START + own.normal(0, LEVELS)
        error = np.random.default_rng([self.number, seed, round(1e6 * (x + 64))]).normal(0, self.noise)
        diverged = x > CLIFF
        spec = RunSpec(TaskRef("valley", ""), SGD(), Constant(STEPS), lr, STEPS, 8, seed, evaluate_every=STEPS)
        end = level if diverged else level - START + float(valley(np.asarray(x - shift))) + error
        outcome = Outcome(Ending.DIVERGED, STEPS // 3, "valley") if diverged else Outcome(Ending.COMPLETED, STEPS)
        columns = {"step": np.array([0.0, STEPS]), METRIC: np.array([level, end])}
        return spec, Trace(spec.hash, outcome, {}, columns, {} if diverged else {METRIC: end})

    @property
    def best(self) -> float:
        """log2 of the truth's best."""
        return self.centre + lowest(self.shift)


@cache
def lowest(shift: float) -> float:
    """Where the mean valley of many seeds is lowest, from the place of a seed without a shift [octaves]."""
    shifts, x = np.random.default_rng(0).normal(0, shift, 20_000), np.linspace(-0.5, 0.5, 201)
    return float(x[np.argmin([valley(place - shifts).mean() for place in x])])


def valley(x: Array) -> Array:
    """Loss at x octaves from the best."""
    left, right = 0.035 * x**2 / (1 + 0.12 * np.abs(x)), 0.05 * x**2 * (1 + 0.3 * np.maximum(x, 0))
    return np.minimum(FLOOR + np.where(x < 0, left, right), START)


def search(world: World, precision: float) -> tuple[bool, float, int]:
    """Whether the interval holds the best, how far the best that is named lies off [octaves], and how many runs it took."""
    made: list[tuple[RunSpec, Trace]] = []
    cells = {float(lr): tuple(range(FIRST_SEEDS)) for lr in COARSE}
    while cells:
        made += [world.run(lr, seed) for lr, seeds in cells.items() for seed in seeds]
        table = SweepTable.of(made)
        cells = dict(halve(table, OPTIONS, Aim((METRIC,), precision, 10)).seeds)
    found = standing(table, METRIC, OPTIONS).optimum
    held = found.interval is not None and found.interval[0] <= 2**world.best <= found.interval[1]
    return held, abs(math.log2(found.lr) - world.best), len(made)


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=40, help="of each kind")
    given = parser.parse_args()
    everything = []
    for shift, noise, precision in product((0.15, 0.3), (0.004, 0.008, 0.02), (0.2, 0.3)):
        centres = np.random.default_rng(1).uniform(-7, -4, given.searches)
        found = [search(World(i, float(c), shift, noise), precision) for i, c in enumerate(centres)]
        held, off, runs = (np.array(column) for column in zip(*found, strict=True))
        everything += held.tolist()
        print(
            f"shifts of {shift} octaves, noise {noise}, precision {precision} decades: "
            f"holds the best in {100 * held.mean():.0f} %, {off.mean():.2f} octaves off, {runs.mean():.0f} runs",
            flush=True,
        )
    print(f"altogether {100 * np.mean(everything):.1f} % of {len(everything)} searches")


if __name__ == "__main__":
    main()
