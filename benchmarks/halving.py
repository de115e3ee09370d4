"""A sweep that spends its runs where the answer is decided, against the full grid: how good, how many steps, how long.

``python benchmarks/halving.py`` repeats the search on other seeds than the truth's; ``--truth`` trains the full grid again.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from jobs import J1, WORKERS, tuned_loop, tunings
from timing import seconds_in_child

from etude.analysis.halving import Aim, halve, standing, width
from etude.analysis.options import SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.table import SweepTable
from etude.core.spec import RunSpec
from etude.core.trace import Trace
from etude.execution.pool import run_jobs
from etude.studies.arms import Arm
from etude.studies.grids import COARSE_LR, parse_grid
from etude.studies.shards import Finished, Shard, partition, train_shard
from etude.tasks.task import Task
from etude.training.engine import Engine
from etude.training.process import prepare_process

TRUTH = Path(__file__).with_name("halving_truth.csv")
GRID, SEEDS = "1e-4:1:32", 10
AIM = Aim(("validation_loss",), precision=0.3, seeds=7)
FRESH = 5
"""Seeds on which the chosen learning rate is run again; they count as cost."""

NEAR = (0.006, 0.13)
"""Learning rates around the best to which a quartic is fitted, so that the truth's own noise is no regret."""


@dataclass(frozen=True)
class Search:
    """One repetition: what it chose, its interval [decades], and its cost."""

    lr: float
    interval: tuple[float, float]
    runs: int
    rounds: int
    seconds: float


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truth", action="store_true", help="train the full grid again and store its losses")
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    # A child that forks from a process whose OpenMP threads exist, and then asks for threads of its own, hangs.
    torch.set_num_threads(1)
    if given.truth:
        store_truth()
    else:
        compare_halving(given.repetitions)


def compare_halving(repetitions: int) -> None:
    """Print regret, cost and time of repeated searches; the loop measures the same final losses as they do."""
    task = J1.task()
    lrs, losses = read_truth()
    best, regret = regret_of(lrs, losses)
    searches, loops = [], []
    trials = {tuning: seconds_in_child(tuned_loop(replace(J1, steps=60), task, tuning)) for tuning in tunings(J1)}
    loop = tuned_loop(J1, task, min(trials, key=lambda tuning: trials[tuning]), judged=True)
    for number in range(repetitions):
        found = search(task, 1000 * (number + 1))
        searches.append(found)
        loops.append(seconds_in_child(loop) * SEEDS)
        print(
            f"    η = {found.lr:.3g} [{found.interval[0]:.2g}, {found.interval[1]:.2g}], regret {regret(found.lr):.4f}; "
            f"{found.runs} runs in {found.rounds} rounds, {found.seconds:.0f} s; the loop over the grid {loops[-1]:.0f} s",
            flush=True,
        )
    full = len(lrs) * SEEDS
    regrets = [regret(found.lr) for found in searches]
    covered = sum(found.interval[0] <= best <= found.interval[1] for found in searches)
    print(f"sparing sweep on {J1.name}: the truth's best is η = {best:.3g} ({full} runs)")
    print(f"    regret in validation loss {mean(regrets):.4f} on average, {max(regrets):.4f} at most  aim 0.003")
    print(f"    the interval holds the truth's best in {covered} of {repetitions}")
    print(f"    {full / mean(found.runs for found in searches):.1f} times fewer runs, fresh seeds included  aim 5")
    ratios = [loop / found.seconds for loop, found in zip(loops, searches, strict=True)]
    print(f"    {median(ratios):.1f} times less time than the tuned loop ({min(ratios):.1f}-{max(ratios):.1f})  aim 10")


def regret_of(lrs: np.ndarray, losses: np.ndarray) -> tuple[float, Callable[[float], float]]:
    """The best learning rate of the truth, and what another one costs: a quartic in log η through the mean losses."""
    near = (lrs >= NEAR[0]) & (lrs <= NEAR[1])
    curve = np.polynomial.Polynomial.fit(np.log10(lrs[near]), losses[near].mean(axis=1), 4)
    fine = np.linspace(np.log10(NEAR[0]), np.log10(NEAR[1]), 1001)
    lowest = float(curve(fine).min())

    def regret(lr: float) -> float:
        inside = NEAR[0] <= lr <= NEAR[1]
        loss = curve(np.log10(lr)) if inside else np.interp(np.log10(lr), np.log10(lrs), losses.mean(axis=1))
        return float(loss) - lowest

    return float(10 ** fine[curve(fine).argmin()]), regret


def search(task: Task, first_seed: int) -> Search:
    """A sweep as a study makes it, on seeds from ``first_seed``, its check on fresh seeds included."""
    began = time.perf_counter()
    (base, *_) = J1.specs(task)
    arm = Arm("sweep", "sweep", base, tuple(parse_grid(COARSE_LR)))
    options = SweepOptions(lr_range=(arm.lrs[0], arm.lrs[-1]))
    plan, made, rounds = Plan(arm.lrs, (), dict.fromkeys(arm.lrs, (0, 1))), [], 0
    while plan.lrs:
        new = arm.runs(plan, AIM.seeds)
        made += list(zip(new, train_all(task, [replace(run, seed=run.seed + first_seed) for run in new]), strict=True))
        table, rounds = SweepTable.of(made), rounds + 1
        plan = halve(table, options, AIM)
    optimum = standing(table, AIM.metrics[0], options).optimum
    fresh = [replace(base, peak_lr=optimum.lr, seed=first_seed + AIM.seeds + i) for i in range(FRESH)]
    train_all(task, fresh)
    assert width(optimum) < np.inf, "the grid holds the best"
    assert optimum.interval is not None
    return Search(optimum.lr, optimum.interval, len(made) + FRESH, rounds, time.perf_counter() - began)


def train_all(task: Task, specs: Sequence[RunSpec]) -> list[Trace]:
    """Train runs as a study does: stacks of one seed, dealt to workers."""

    def work(shard: Shard, should_stop: Callable[[], bool]) -> Iterator[object]:
        return train_shard(task, shard, None, should_stop)

    shards = partition(specs, Engine.STACK, 16, 1)
    with prepare_process():
        reports = [report for _, report in run_jobs(work, shards, WORKERS)]
    traces = {trace.spec_hash: trace for report in reports if isinstance(report, Finished) for trace in report.traces}
    return [traces[spec.hash] for spec in specs]


def store_truth() -> None:
    """Train the full grid, and keep the final validation losses: a row for each learning rate, a column for each seed."""
    task = J1.task()
    (base, *_) = J1.specs(task)
    lrs = parse_grid(GRID)
    specs = [replace(base, peak_lr=lr, seed=seed) for lr in lrs for seed in range(SEEDS)]
    table = SweepTable.of(list(zip(specs, train_all(task, specs), strict=True)))
    with TRUTH.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for lr, row in zip(table.lrs, table.result("validation_loss"), strict=True):
            writer.writerow([f"{lr:.6g}", *(f"{loss:.4f}" for loss in row)])


def read_truth() -> tuple[np.ndarray, np.ndarray]:
    """Learning rates (L,) and final validation losses (L, S) of the full grid."""
    with TRUTH.open(newline="") as file:
        rows = np.asarray([[float(cell) for cell in row] for row in csv.reader(file)])
    return rows[:, 0], rows[:, 1:]


if __name__ == "__main__":
    main()
