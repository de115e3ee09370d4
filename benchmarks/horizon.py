"""How the best learning rate falls from the finder's short runs to longer ones: η* ∝ T^−α on problems of the scoreboard.

These are the fully connected networks of both halves, which train fast side by side. Each is trained at each learning rate of
its grid, at constant η; the best of the first n steps is read off the mean training loss of their last quarter, as the finder
reads it. For all of the steps it is read off the final validation loss as well, and for 300 steps off that of the stored truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from finding.problems import BATCH, Problem, problems
from finding.truth import load, lowest

from etude.analysis.finder.horizon import USUAL
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Array
from etude.schedules import Constant
from etude.training.engine import Engine, choose_engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import start_lanes
from etude.training.process import prepare_process
from etude.training.train import train

SCOUT, SHORT, TRUTH, LONG = 23, 71, 300, 1420
NAMES = (
    "digits-mlp",
    "fashion-mlp-adamw",
    "noisy-mlp",
    "teacher-sgd",
    "fashion-mlp-sgd",
    "noisy-mlp-adamw",
    "teacher-adam",
    "fine-tuned-mlp",
)
WEIGHTS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Sweep:
    """One seed's training losses (L, T), and final validation losses (L,); infinite where a run diverged."""

    training: Array
    validation: Array

    def short(self, steps: int) -> Array:
        """Mean training loss of the last quarter of the first steps (L,)."""
        return np.asarray(self.training[:, steps - steps // 4 : steps].mean(axis=1))


def measure(problem: Problem, seed: int) -> Sweep:
    """Train every learning rate of the grid, as the truth does but longer."""
    task, ref = problem.task(), TaskRef(problem.name, "")
    specs = [
        RunSpec(ref, problem.rule, Constant(LONG), float(lr), LONG, BATCH, seed, evaluate_every=LONG)
        for lr in problem.lrs
    ]
    with prepare_process():
        gradients = make_gradients(task, seed, choose_engine(task, specs, Engine.AUTO).engine)
        lanes = start_lanes(specs, task)
        for _ in train(lanes, gradients, task):
            pass
        traces = finish(lanes, gradients, task)
    training = np.full((len(specs), LONG), np.inf)
    validation = np.full(len(specs), np.inf)
    for row, trace in enumerate(traces):
        losses = trace.per_step["loss"]
        training[row, : len(losses)] = np.where(np.isfinite(losses), losses, np.inf)
        if not trace.outcome.diverged:
            validation[row] = trace.final["validation_loss"]
    return Sweep(training, validation)


def best(lrs: Array, losses: Array) -> float:
    """log10 of the learning rate of the least loss; losses beyond what is finite count as the largest."""
    finite = losses[np.isfinite(losses)]
    return float(lowest(np.log10(lrs), np.where(np.isfinite(losses), losses, finite.max())))


def exponent(short: float, long: float, steps: int, horizon: int) -> float:
    """α from two best learning rates in log10 η."""
    return (short - long) / float(np.log10(horizon / steps))


def exponents(problem: Problem, sweeps: Sequence[Sweep]) -> dict[str, float]:
    """α from the finder's runs to longer ones, by what judges the longer ones."""
    lrs = problem.lrs
    short, long = (best(lrs, np.mean([s.short(n) for s in sweeps], axis=0)) for n in (SHORT, LONG))
    validation = best(lrs, np.mean([s.validation for s in sweeps], axis=0))
    truth = float(np.log10(load(problem).best))
    return {
        f"training loss, {LONG} steps": exponent(short, long, SHORT, LONG),
        f"validation loss, {TRUTH} steps": exponent(short, truth, SHORT, TRUTH),
        f"validation loss, {LONG} steps": exponent(short, validation, SHORT, LONG),
    }


def misses(problem: Problem, sweep: Sweep) -> list[float]:
    """How far a seed's own α from scouts to longer runs is off the later one, for each weight that it may get."""
    scouted, short = (best(problem.lrs, sweep.short(n)) for n in (SCOUT, SHORT))
    own, later = (
        exponent(scouted, short, SCOUT, SHORT),
        exponent(short, best(problem.lrs, sweep.validation), SHORT, LONG),
    )
    return [(1 - weight) * USUAL.exponent + weight * own - later for weight in WEIGHTS]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", metavar="NAME", help="only this problem")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found, off = [], []
    for problem in (p for p in problems() if p.name in NAMES and given.only in (None, p.name)):
        sweeps = [measure(problem, seed) for seed in range(200, 200 + given.seeds)]
        found.append(exponents(problem, sweeps))
        off += [misses(problem, sweep) for sweep in sweeps]
        print(
            f"{problem.name}: " + "; ".join(f"{alpha:.2f} by {judge}" for judge, alpha in found[-1].items()), flush=True
        )
    for judge in found[0]:
        alphas = np.array([own[judge] for own in found])
        inside = int((np.abs(alphas - USUAL.exponent) <= USUAL.error).sum())
        print(f"{judge}: α from {alphas.min():.2f} to {alphas.max():.2f}, mean {alphas.mean():.2f}, ", end="")
        print(f"{inside} of {len(alphas)} within {USUAL.exponent} ± {USUAL.error}")
    for weight, errors in zip(WEIGHTS, np.array(off).T, strict=True):
        print(f"a search's own α with weight {weight:g}: root mean square error {np.sqrt(np.mean(errors**2)):.2f}")


if __name__ == "__main__":
    main()
