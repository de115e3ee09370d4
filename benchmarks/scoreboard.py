"""How well the diagnosis does on labelled cases, beside the rules of other tools: `make scoreboard`."""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from cases import SWEPT, label, limits, planted, special, sweeps, worlds
from lab import Case, Run, heal, train_cases, unmeasured
from others import OTHERS
from tables import Score, report
from worlds import Half, World

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.evidence import Evidence
from etude.analysis.diagnosis.verdict import Diagnosis, Fault
from etude.execution.pool import run_jobs

LR_FAULTS = {
    "low": {Fault.TOO_LOW, Fault.LONG_WARMUP, Fault.DECAYED_EARLY},
    "high": {Fault.TOO_HIGH, Fault.DIVERGING, Fault.OSCILLATION, Fault.NOISE_FLOOR},
}
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

Job = Callable[[], list[Score]]


def main() -> None:
    """Run the cases and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "held-out"), default="held-out")
    parser.add_argument("--seeds", type=int, default=5, help="replicates of the sweeps")
    parser.add_argument("--planted", type=int, default=1, help="replicates of the planted faults")
    parser.add_argument("--remedies", type=int, default=1, help="replicates of the sweeps whose remedies are followed")
    parser.add_argument("--worlds", help="only these of the half; special: the faults that need a network of their own")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to keep what was said of every run, as it comes")
    parser.add_argument("--read", type=Path, nargs="+", help="run nothing; print the tables of what was kept")
    options = parser.parse_args()
    if options.read:
        kept = [Score(**score) for path in options.read for score in json.loads(path.read_text())]
        print(report(kept))
        return
    began = time.monotonic()
    chosen = options.worlds.split(",") if options.worlds else None
    jobs = jobs_of(options.half, options.seeds, options.planted, options.remedies, chosen)
    scores: list[Score] = []
    for done, (_, found) in enumerate(run_jobs(_work, jobs, options.workers), start=1):
        scores += found
        print(f"\r{done} of {len(jobs)} jobs, {len(scores)} runs, {time.monotonic() - began:.0f} s", end="", flush=True)
        if options.json:
            options.json.write_text(json.dumps([asdict(score) for score in scores], indent=1))
    print("\n" + report(scores))


def jobs_of(half: Half, seeds: int, plants: int, treated: int, chosen: Sequence[str] | None = None) -> list[Job]:
    """Everything to be run, seed by seed: sweeps, and planted faults world by world."""
    here = [world for world in worlds(half) if chosen is None or world.name in chosen]
    own: list[World | None] = [*here, None] if chosen is None or "special" in chosen else [*here]
    jobs: list[Job] = []
    for seed in range(max(seeds, plants)):
        jobs += [partial(score_sweeps, world, seed, remedies=seed < treated) for world in here if seed < seeds]
        jobs += [partial(score_planted, half, world, seed) for world in own if seed < plants]
    return jobs


def score_sweeps(world: World, seed: int, *, remedies: bool = True) -> list[Score]:
    """Sweeps over the learning rate, labelled by their results; sick runs of the first follow their remedies together."""
    runs = train_cases(sweeps(world, seed))
    groups = [[run for run in runs if run.case.kind == f"sweep {name}"] for name in SWEPT]
    scores: list[Score] = []
    for i, group in enumerate(groups):
        truths = label(group)
        found = [_score(run, truth) for run, truth in zip(group, truths, strict=True)]
        sick = {j: run for j, (run, truth) in enumerate(zip(group, truths, strict=True)) if truth != "ok"}
        if i == 0 and remedies:
            for j, good in _treated(sick, limits(group)).items():
                found[j] = replace(found[j], healed=good)
        scores += found
    best = limits(groups[0])
    others = [run for run in runs if run.case.kind.startswith("good ")]
    return scores + [_score(run, "ok") for run in others if _within(run, best)]


def score_planted(half: Half, world: World | None, seed: int) -> list[Score]:
    """Planted faults of a world, or without one those that need a network of their own."""
    cases = list(special(half, seed) if world is None else planted(world, seed))
    scores = []
    runs = _train_alike(cases)
    twins = {run.case.world: run for run in runs if run.case.kind == "twin"}
    for run in runs:
        case, twin = run.case, twins.get(run.case.world)
        counts = case.truth & FACTS or twin is None or not _within(run, limits([twin]))
        if case.truth and not counts:
            continue
        score = _score(run, "/".join(sorted(case.truth)) if case.truth else "ok")
        if case.truth and twin is not None and not case.truth & UNHEALED:
            score = replace(score, healed=_treated({0: run}, limits([twin])).get(0, False))
        scores.append(score)
    return scores


def _work(job: Job, _should_stop: Callable[[], bool]) -> Iterator[list[Score]]:
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield job()


def _score(run: Run, truth: str) -> Score:
    case, others = run.case, Evidence(run.case.record(run.trace))
    said = diagnose(case.record(run.trace))
    forked = _said(run)
    return Score(
        world=case.world,
        kind=case.kind,
        truth=truth,
        lr=case.spec.peak_lr,
        seed=case.spec.seed,
        said=[d.fault.value for d in said],
        right=_right(said[0], truth),
        said_forked=[d.fault.value for d in forked],
        right_forked=_right(forked[0], truth),
        others={name: sorted(rule(others)) for name, rule in OTHERS.items()},
    )


def _said(run: Run) -> list[Diagnosis]:
    return diagnose(run.case.record(run.trace, run.fork))


def _right(first: Diagnosis, truth: str) -> bool:
    if truth == "ok":
        return not first.accuses
    return first.fault in LR_FAULTS.get(truth, truth.split("/"))


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
