"""How well the diagnosis does on labelled cases, beside the rules of other tools: `make scoreboard`."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import final

from cases import SWEPT, around, label, limits, planted, sweeps
from heal import heal
from judge import Labelled, judge, keep, kept, labelled
from lab import Case, Run, train_alike, train_cases, unmeasured
from own import Family, families
from rates import SEED, sweep_twin
from tables import Score, mistakes, report
from worlds import Half, World, worlds

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.verdict import Diagnosis, Fault
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
ROUNDS = 3
"""Times a remedy may be followed by the next diagnosis's."""


@final
@dataclass(frozen=True)
class Job:
    """Runs that are trained in one go.

    Attributes:
        name: Of the file that keeps them.
        runs: Trains them.
    """

    name: str
    runs: Callable[[], list[Labelled]]


def main() -> None:
    """Run the cases and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "held-out"), default="held-out")
    parser.add_argument("--seeds", type=int, default=5, help="replicates of the sweeps")
    parser.add_argument("--planted", type=int, default=1, help="replicates of the planted faults")
    parser.add_argument("--remedies", type=int, default=1, help="replicates whose remedies are followed")
    parser.add_argument("--worlds", help="only these of the half; own: faults that need a network of their own")
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
    here = [world for world in worlds(half) if chosen is None or world.name in chosen]
    plans: dict[str, Family] = {f"planted-{world.name}": partial(planted, world) for world in here}
    if chosen is None or "own" in chosen:
        plans |= {f"own-{half}-{i}": family for i, family in enumerate(families(half))}
    return plans


def jobs_of(half: Half, seeds: int, plants: int, treated: int, chosen: Sequence[str] | None = None) -> list[Job]:
    """Everything to be run, seed by seed: sweeps, and planted faults world by world."""
    here = [world for world in worlds(half) if chosen is None or world.name in chosen]
    plans = _plans(half, chosen)
    jobs: list[Job] = []
    for seed in range(max(seeds, plants)):
        swept, sown = here if seed < seeds else (), plans if seed < plants else {}
        healed = seed < treated
        jobs += [
            Job(f"sweeps-{world.name}-{seed}", partial(swept_runs, world, seed, remedies=healed)) for world in swept
        ]
        jobs += [Job(f"{name}-{seed}", partial(planted_runs, sown[name], seed, remedies=healed)) for name in sown]
    return jobs


def swept_runs(world: World, seed: int, *, remedies: bool) -> list[Labelled]:
    """Sweeps over the learning rate, labelled by their results; sick runs of the first follow their remedies together."""
    runs = train_cases(sweeps(world, seed))
    groups = [[run for run in runs if run.case.kind == f"sweep {name}"] for name in SWEPT]
    found: list[Labelled] = []
    for i, group in enumerate(groups):
        truths = label(group)
        sick = {j: run for j, run in enumerate(group) if truths[j] != "ok"}
        healed = _treated(sick, limits(group)) if i == 0 and remedies else {}
        found += [labelled(run, truths[j], healed=healed.get(j)) for j, run in enumerate(group)]
    best = limits(groups[0])
    others = [run for run in runs if run.case.kind.startswith("good ")]
    return found + [labelled(run, "ok" if _within(run, best) else "") for run in others]


def planted_runs(family: Family, seed: int, *, remedies: bool) -> list[Labelled]:
    """Planted faults and their twins, which count as healthy where no other learning rate does better than theirs."""
    runs = train_alike(list(family(seed)))
    most = {run.case.world: limits([run, *_others(run)]) for run in runs if run.case.kind == "twin"}
    healthy = {run.case.world for run in runs if run.case.kind == "twin" and _within(run, most[run.case.world])}
    found = []
    for run in runs:
        case, limit = run.case, most[run.case.world]
        suffers = case.world in healthy and not _within(run, limit)
        counts = case.world in healthy if case.kind == "twin" else bool(case.truth & FACTS) or suffers
        truth = "/".join(sorted(case.truth)) or "ok"
        followed = remedies and counts and case.kind != "twin" and not case.truth & UNHEALED
        healed = _treated({0: run}, limit).get(0, False) if followed else None
        found.append(labelled(run, truth if counts else "", healed=healed))
    return found


def _others(twin: Run) -> list[Run]:
    return train_cases(around(twin.case), forked=False)


def _work(folder: Path | None, job: Job, _should_stop: Callable[[], bool]) -> Iterator[list[Score]]:
    import torch

    torch.set_num_threads(1)
    path = None if folder is None else folder / f"{job.name}.pkl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        runs = kept(path) if path and path.exists() else job.runs()
        if path and not path.exists():
            keep(runs, path)
        yield [judge(run) for run in runs]


def _said(run: Run) -> list[Diagnosis]:
    return diagnose(run.case.record(run.trace, run.fork))


def _within(run: Run, most: dict[str, float]) -> bool:
    return any(run.final(split) <= limit for split, limit in most.items())


def _treated(sick: dict[int, Run], most: dict[str, float]) -> dict[int, bool]:
    """Let runs follow the remedy of their first verdict, up to three times, and say which came within the limits."""
    healed = dict.fromkeys(sick, False)
    for last in [False] * (ROUNDS - 1) + [True]:
        asked = {i: _said(run)[0].remedy for i, run in sick.items()}
        cases = {i: heal(run.case, remedy) for i, run in sick.items() if (remedy := asked[i]) is not None}
        chosen = [unmeasured(case) for case in cases.values()] if last else list(cases.values())
        sick = dict(zip(cases, train_alike(chosen, forked=not last), strict=True))
        healed |= {i: _within(run, most) for i, run in sick.items()}
        sick = {i: run for i, run in sick.items() if not healed[i]}
    return healed


if __name__ == "__main__":
    main()
