"""How well the diagnosis does on labelled cases, beside the rules of other tools: `make scoreboard`."""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from cases import BAND, SCHEDULES, label, planted, special, sweep, worlds
from lab import Case, Run, heal, train_cases
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
FACTS = {Fault.WRONG_SCHEDULE, Fault.FROZEN_PARAMETER, Fault.SYMMETRY, Fault.PLATEAU, Fault.OVERFITTING}
"""Planted faults that always count. The others count where the run does worse than its twin: a short task may forgive a long
warm-up, and a gated unit an input that is a hundred times too large."""
ROUNDS = 3
"""Times a remedy may be followed by the next diagnosis's."""


Job = Callable[[], list[Score]]


def main() -> None:
    """Run the cases and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "held-out"), default="held-out")
    parser.add_argument("--seeds", type=int, default=1, help="replicates of every case")
    parser.add_argument("--schedules", default="constant,cosine", help=f"of the sweeps, among {','.join(SCHEDULES)}")
    parser.add_argument("--worlds", help="only these of the half, and no faults that need a network of their own")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="where to keep what was said of every run")
    options = parser.parse_args()
    began = time.monotonic()
    chosen = options.worlds.split(",") if options.worlds else None
    jobs = jobs_of(options.half, range(options.seeds), options.schedules.split(","), chosen)
    scores: list[Score] = []
    for done, (_, found) in enumerate(run_jobs(_work, jobs, options.workers), start=1):
        scores += found
        print(f"\r{done} of {len(jobs)} jobs, {len(scores)} runs, {time.monotonic() - began:.0f} s", end="", flush=True)
    print("\n" + report(scores))
    if options.json:
        options.json.write_text(json.dumps([asdict(score) for score in scores], indent=1))


def jobs_of(
    half: Half, seeds: Sequence[int], schedules: Sequence[str], chosen: Sequence[str] | None = None
) -> list[Job]:
    """Everything to be run: sweeps, then planted faults world by world."""
    here = [world for world in worlds(half) if chosen is None or world.name in chosen]
    jobs: list[Job] = [
        partial(score_sweep, world, schedule, seed) for seed in seeds for schedule in schedules for world in here
    ]
    own: list[World | None] = [*here, None] if chosen is None else [*here]
    return jobs + [partial(score_planted, half, world, seed) for seed in seeds for world in own]


def score_sweep(world: World, schedule: str, seed: int) -> list[Score]:
    """A sweep over the learning rate, labelled by its results; sick runs follow their remedies together."""
    runs = train_cases(sweep(world, schedule, seed))
    limits = {split: _limit(runs, split) for split in ("train", "validation")}
    scores, sick = [], []
    for run, truth in zip(runs, label(runs), strict=True):
        found, _ = _said(run)
        right = not found[0].accuses if truth == "ok" else found[0].fault in LR_FAULTS[truth]
        scores.append(_score(run, truth, found, right=right))
        if truth != "ok":
            sick.append((len(scores) - 1, run.case, found))
    for _ in range(ROUNDS):
        treated = [(i, heal(case, found[0].remedy)) for i, case, found in sick if found[0].remedy is not None]
        sick = []
        for i, run in zip([i for i, _ in treated], _train_alike([case for _, case in treated]), strict=True):
            good = any(run.final(split) <= limit for split, limit in limits.items())
            scores[i] = _replaced(scores[i], healed=good)
            if not good:
                sick.append((i, run.case, _said(run)[0]))
    return scores


def score_planted(half: Half, world: World | None, seed: int) -> list[Score]:
    """Planted faults of a world, or without one those that need a network of their own."""
    cases = list(special(half, seed) if world is None else planted(world, seed))
    twins: dict[str, Run] = {}
    scores = []
    for case in sorted(cases, key=lambda c: c.kind != "twin"):
        run = train_cases([case])[0]
        found, _ = _said(run)
        if case.kind == "twin":
            twins[case.world] = run
        if case.truth and not case.truth & FACTS and case.world in twins and _as_good(run, twins[case.world]):
            continue
        right = found[0].fault in case.truth if case.truth else not found[0].accuses
        truth = "/".join(sorted(case.truth)) if case.truth else "ok"
        score = _score(run, truth, found, right=right)
        if case.truth and case.world in twins and case.kind != "no signal":
            score = _replaced(score, healed=_treat(case, found, twins[case.world]))
        scores.append(score)
    return scores


def _work(job: Job, _should_stop: Callable[[], bool]) -> Iterator[list[Score]]:
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield job()


def _said(run: Run) -> tuple[list[Diagnosis], Evidence]:
    record = run.case.record(run.trace)
    return diagnose(record), Evidence(record)


def _score(run: Run, truth: str, found: Sequence[Diagnosis], *, right: bool) -> Score:
    e = Evidence(run.case.record(run.trace))
    others = {name: sorted(rule(e)) for name, rule in OTHERS.items()}
    healed = None if truth == "ok" or "plateau" in truth else False
    said = [d.fault.value for d in found]
    return Score(run.case.world, run.case.kind, truth, run.case.spec.peak_lr, said, right, others, healed)


def _replaced(score: Score, *, healed: bool) -> Score:
    return Score(**{**asdict(score), "healed": healed})


def _limit(runs: Sequence[Run], split: str) -> float:
    best = min(run.final(split) for run in runs)
    return best + BAND * (float(runs[0].trace.evaluations[f"{split}_loss"][0]) - best)


def _train_alike(cases: Sequence[Case]) -> list[Run]:
    """Train in one stack those whose spec differs in nothing but the learning rate, the others alone."""
    groups: dict[object, list[int]] = {}
    for i, case in enumerate(cases):
        key = (id(case.task), case.spec.schedule, case.spec.group_scales, case.spec.batch_size)
        groups.setdefault(key, []).append(i)
    runs: dict[int, Run] = {}
    for rows in groups.values():
        runs |= dict(zip(rows, train_cases([cases[i] for i in rows]), strict=True))
    return [runs[i] for i in range(len(cases))]


def _treat(case: Case, found: Sequence[Diagnosis], twin: Run) -> bool:
    """Follow the remedies until the run does as well as its twin."""
    for _ in range(ROUNDS):
        if found[0].remedy is None:
            return False
        run = train_cases([heal(case, found[0].remedy)])[0]
        if _as_good(run, twin):
            return True
        case, found = run.case, _said(run)[0]
    return False


def _as_good(run: Run, twin: Run) -> bool:
    for split in ("train", "validation"):
        start, best = float(twin.trace.evaluations[f"{split}_loss"][0]), twin.final(split)
        if run.final(split) <= best + BAND * (start - best):
            return True
    return False


if __name__ == "__main__":
    main()
