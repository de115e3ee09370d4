"""How well the diagnosis does on labelled cases, beside the rules of other tools: `make scoreboard`."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

from cases import SWEPT, label, limits, planted, special, sweeps, worlds
from judge import Labelled, judge, keep, kept, labelled
from lab import Case, Run, heal, train_cases, unmeasured
from tables import Score, mistakes, report
from worlds import Half, World

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
    parser.add_argument("--worlds", help="only these of the half; special: the faults that need a network of their own")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--keep", type=Path, help="folder for trained runs; those that it has already are not trained again"
    )
    parser.add_argument("--again", type=Path, nargs="+", help="train nothing; diagnose what these folders keep")
    parser.add_argument("--wrong", action="store_true", help="list the runs whose first verdict is wrong")
    options = parser.parse_args()
    if options.again:
        paths = sorted(path for folder in options.again for path in folder.glob("*.pkl"))
        jobs = [Job(path.stem, partial(kept, path)) for path in paths]
    else:
        chosen = options.worlds.split(",") if options.worlds else None
        jobs = jobs_of(options.half, options.seeds, options.planted, options.remedies, chosen)
    began, scores = time.monotonic(), list[Score]()
    for done, (_, found) in enumerate(run_jobs(partial(_work, options.keep), jobs, options.workers), start=1):
        scores += found
        print(f"\r{done} of {len(jobs)} jobs, {len(scores)} runs, {time.monotonic() - began:.0f} s", end="", flush=True)
    print("\n" + report(scores))
    if options.wrong:
        print("\n" + mistakes(scores))


def jobs_of(half: Half, seeds: int, plants: int, treated: int, chosen: Sequence[str] | None = None) -> list[Job]:
    """Everything to be run, seed by seed: sweeps, and planted faults world by world."""
    here = [world for world in worlds(half) if chosen is None or world.name in chosen]
    own: list[World | None] = [*here, None] if chosen is None or "special" in chosen else [*here]
    jobs: list[Job] = []
    for seed in range(max(seeds, plants)):
        for world in here if seed < seeds else ():
            jobs.append(Job(f"sweeps-{world.name}-{seed}", partial(swept_runs, world, seed, remedies=seed < treated)))
        for place in own if seed < plants else ():
            name = f"planted-{place.name if place else 'special-' + half}-{seed}"
            jobs.append(Job(name, partial(planted_runs, half, place, seed, remedies=seed < treated)))
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


def planted_runs(half: Half, world: World | None, seed: int, *, remedies: bool) -> list[Labelled]:
    """Planted faults of a world, or without one those that need a network of their own."""
    cases = list(special(half, seed) if world is None else planted(world, seed))
    found = []
    runs = _train_alike(cases)
    twins = {run.case.world: run for run in runs if run.case.kind == "twin"}
    for run in runs:
        case, twin = run.case, twins[run.case.world]
        counts = case.truth & FACTS or not _within(run, limits([twin]))
        if case.truth and not counts:
            found.append(labelled(run, ""))
            continue
        healed = None
        if remedies and case.truth and not case.truth & UNHEALED:
            healed = _treated({0: run}, limits([twin])).get(0, False)
        found.append(labelled(run, "/".join(sorted(case.truth)) if case.truth else "ok", healed=healed))
    return found


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
        sick = dict(zip(cases, _train_alike(chosen, forked=not last), strict=True))
        healed |= {i: _within(run, most) for i, run in sick.items()}
        sick = {i: run for i, run in sick.items() if not healed[i]}
    return healed


def _train_alike(cases: Sequence[Case], *, forked: bool = True) -> list[Run]:
    """Train in one stack those that may share it, the others alone."""
    groups: dict[object, list[int]] = {}
    for i, case in enumerate(cases):
        spec = case.spec
        key = (id(case.task), spec.steps, spec.group_scales, spec.batch_size, spec.measures, type(spec.rule))
        groups.setdefault(key, []).append(i)
    runs: dict[int, Run] = {}
    for rows in groups.values():
        runs |= dict(zip(rows, train_cases([cases[i] for i in rows], forked=forked), strict=True))
    return [runs[i] for i in range(len(cases))]


if __name__ == "__main__":
    main()
