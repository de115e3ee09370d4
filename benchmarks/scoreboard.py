"""How well the diagnosis does on labelled cases, beside the rules of other tools: `make scoreboard`."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import final

from cases import SWEPT, around, label, limits, planted, sweeps
from heal import treated
from judge import Labelled, judge, keep, kept, labelled
from lab import Case, Run, train_alike, train_cases, within
from own import Family, families
from rates import SEED, sweep_twin
from tables import Score, mistakes, report
from worlds import Half, World, worlds

from etude.analysis.diagnosis.verdict import Fault
from etude.execution.pool import run_jobs

FACTS = {
    Fault.WRONG_SCHEDULE,
    Fault.FROZEN_PARAMETER,
    Fault.SYMMETRY,
    Fault.PLATEAU,
    Fault.OVERFITTING,
    Fault.ROTATION,
    Fault.EDGE,
}
"""Planted faults that always count. The others count where the run does worse than its twin: a short task may forgive a long
warm-up, and a gated unit an input that is a hundred times too large."""
UNHEALED = {Fault.PLATEAU, Fault.EDGE, Fault.OVERFITTING}
"""Planted faults whose remedy cannot give the result of the twin, which has other data, or which need none."""


@final
@dataclass(frozen=True)
class Job:
    """Runs that are trained in one go.

    Attributes:
        name: Of the file that keeps them.
        train: Trains them.
        follow: Lets those that are sick follow their remedies; ``None`` where they need not.
    """

    name: str
    train: Callable[[], list[Labelled]]
    follow: Callable[[list[Labelled]], list[Labelled]] | None = None


def main() -> None:
    """Run the cases and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "held-out", "check"), default="held-out")
    parser.add_argument("--seeds", type=int, default=5, help="replicates of the sweeps")
    parser.add_argument("--planted", type=int, default=1, help="replicates of the planted faults")
    parser.add_argument("--remedies", type=int, default=0, help="replicates whose remedies are followed")
    parser.add_argument(
        "--worlds", help="only these of the half, by name, or: cheap, dear, own (faults on networks of their own)"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--keep", type=Path, help="folder for trained runs; those that it has already are not trained again"
    )
    parser.add_argument("--again", type=Path, nargs="+", help="train nothing; diagnose what these folders keep")
    parser.add_argument("--wrong", action="store_true", help="list the runs whose first verdict is wrong")
    parser.add_argument("--rates", action="store_true", help="only sweep the learning rates of the healthy twins")
    options = parser.parse_args()
    chosen = options.worlds.split(",") if options.worlds else None
    if options.rates:
        for _, line in run_jobs(sweep_twin, twins_of(options.half, chosen), options.workers):
            print(line, flush=True)
        return
    if options.again:
        paths = sorted(path for folder in options.again for path in folder.glob("*.pkl"))
        jobs = [Job(path.stem, partial(kept, path)) for path in paths]
    else:
        jobs = jobs_of(options.half, options.seeds, options.planted, options.remedies, chosen)
    began, scores = time.monotonic(), list[Score]()
    for done, (_, found) in enumerate(run_jobs(partial(_work, options.keep), jobs, options.workers), start=1):
        scores += found
        print(f"\r{done} of {len(jobs)} jobs, {len(scores)} runs, {time.monotonic() - began:.0f} s", end="", flush=True)
    print("\n" + report(scores))
    if options.wrong:
        print("\n" + mistakes(scores))


def twins_of(half: Half, chosen: Sequence[str] | None) -> list[Callable[[], Case]]:
    """The healthy twins of all planted faults."""
    plans = _plans(half, chosen).values()
    twins = [(plan, i) for plan in plans for i, case in enumerate(plan(SEED)) if case.kind == "twin"]
    return [partial(_nth, plan, i) for plan, i in twins]


def _nth(plan: Family, i: int) -> Case:
    return next(islice(plan(SEED), i, None))


def _plans(half: Half, chosen: Sequence[str] | None) -> dict[str, Family]:
    here = [world for world in worlds(half) if world.among(chosen)]
    plans: dict[str, Family] = {f"planted-{world.name}": partial(planted, world) for world in here}
    if chosen is None or "own" in chosen:
        plans |= {f"own-{half}-{i}": family for i, family in enumerate(families(half))}
    return plans


def jobs_of(half: Half, seeds: int, plants: int, treated: int, chosen: Sequence[str] | None = None) -> list[Job]:
    """Everything to be run, seed by seed: sweeps, and planted faults world by world, of which the check has none."""
    here = [world for world in worlds(half) if world.among(chosen)]
    plans = {} if half == "check" else _plans(half, chosen)
    jobs: list[Job] = []
    for seed in range(max(seeds, plants)):
        for world in here if seed < seeds else ():
            follow = partial(follow_sweep, partial(sweeps, world, seed)) if seed < treated else None
            jobs.append(Job(f"sweeps-{world.name}-{seed}", partial(swept_runs, world, seed), follow))
        for name, family in plans.items() if seed < plants else ():
            follow = partial(follow_planted, partial(family, seed)) if seed < treated else None
            jobs.append(Job(f"{name}-{seed}", partial(planted_runs, family, seed), follow))
    return jobs


def swept_runs(world: World, seed: int) -> list[Labelled]:
    """Sweeps over the learning rate, labelled by their results."""
    runs = train_cases(sweeps(world, seed))
    groups = [[run for run in runs if run.case.kind == f"sweep {name}"] for name in SWEPT]
    found = [labelled(run, truth, limits(g)) for g in groups for run, truth in zip(g, label(g), strict=True)]
    band = limits(groups[0])
    others = [run for run in runs if run.case.kind.startswith("good ")]
    return found + [labelled(run, "ok" if within(run, band) else "", band) for run in others]


def planted_runs(family: Family, seed: int) -> list[Labelled]:
    """Planted faults and their twins, which count as healthy where no other learning rate does better than theirs."""
    runs = train_alike(list(family(seed)))
    twins = {run.case.world: run for run in runs if run.case.kind == "twin"}
    bands = {world: limits([twin, *_others(twin)]) for world, twin in twins.items()}
    found = []
    for run in runs:
        case, band = run.case, bands[run.case.world]
        healthy = within(twins[case.world], band)
        counts = case.truth & FACTS or healthy if case.kind != "twin" else healthy
        suffers = case.kind == "twin" or case.truth & FACTS or not within(run, band)
        if Fault.NO_WARMUP in case.truth:  # which is not missing where another learning rate does without
            suffers = suffers and not any(within(other, band) for other in _others(run))
        truth = "/".join(sorted(case.truth)) or "ok"
        found.append(labelled(run, truth if counts and suffers else "", band))
    return found


def follow_sweep(cases: Callable[[], list[Case]], runs: list[Labelled]) -> list[Labelled]:
    """Sick runs of the first sweep follow their remedies together."""
    sick = {i: run.run(case) for i, (run, case) in enumerate(zip(runs, cases(), strict=True)) if _to_follow(run)}
    if not sick:
        return runs
    healed = treated(sick, runs[0].band)
    return [replace(run, healed=healed.get(i)) for i, run in enumerate(runs)]


def follow_planted(cases: Callable[[], Iterable[Case]], runs: list[Labelled]) -> list[Labelled]:
    """Runs with a planted fault follow their remedies one by one."""
    return [
        replace(run, healed=treated({0: run.run(case)}, run.band)[0]) if _to_follow(run) else run
        for run, case in zip(runs, cases(), strict=True)
    ]


def _to_follow(run: Labelled) -> bool:
    swept = run.kind == f"sweep {SWEPT[0]}" or not run.kind.startswith(("sweep ", "good "))
    return swept and run.truth not in ("", "ok") and not set(run.truth.split("/")) & UNHEALED


def _others(twin: Run) -> list[Run]:
    return train_cases(around(twin.case), forked=False)


def _work(folder: Path | None, job: Job, _should_stop: Callable[[], bool]) -> Iterator[list[Score]]:
    import torch

    torch.set_num_threads(1)
    path = None if folder is None else folder / f"{job.name}.pkl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        there = path is not None and path.exists()
        runs = kept(path) if path and there else job.train()
        follow = job.follow if all(run.healed is None for run in runs) else None
        if path and not there:
            keep(runs, path)
        if follow:
            runs = follow(runs)
        if path and follow:
            keep(runs, path)
        yield [judge(run) for run in runs]


if __name__ == "__main__":
    main()
