"""The families that race, and the races at several horizons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.race.findings import race_findings
from etude.analysis.race.horizon_finding import horizon_finding
from etude.analysis.race.reading import Race, read_race
from etude.core.errors import SpecError
from etude.core.finding import Finding
from etude.core.measure import Measure
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.etude import Tasks
from etude.studies.grids import parse_grid
from etude.studies.spec import StudySpec
from etude.training.rules import SGD

METRIC: LossMetric = "validation_loss"
"""What decides the race: on small data every family brings the training loss close to zero, and what is left of it says
little about the network."""

FAMILIES = {
    "constant": "constant",
    "linear": "linear",
    "cosine": "cosine",
    "polynomial": "polynomial(power=2)",
    "exponential": "exponential(to=0.01)",
    "staircase": "step(every=10%, by=0.6)",
    "step": "step(every=30%, by=0.1)",
    "multistep": "multistep(at=50%/75%, by=0.1)",
    "inverse time": "inverse(timescale=10%)",
    "inverse sqrt": "invsqrt(timescale=10%)",
    "rex": "rex",
    "wsd": "constant > cooldown(20%, shape=1-sqrt)",
}
"""The families in the notation of schedules, none with a warm-up. Linear, cosine, polynomial, rex and wsd fall to zero;
exponential and staircase (its steps of a tenth) to 1 %; step and multistep by a tenth at a time, at every 30 % of the horizon,
and at 50 % and 75 % as in He et al. (2016); inverse time and inverse sqrt have halved, or fallen by √2, after a tenth."""

SHARES = (1.0, 0.5, 2.0)
"""Horizons, as multiples of the one that is asked for, which comes first."""

FEWEST_STEPS = 40
"""At half of it every family still has whole steps between its drops."""

EVALUATIONS = 13
"""Points of a curve: with small batches an evaluation costs as much as ten steps, and there are a great many runs."""

SGD_LR = "0.02:0.64:6"
"""First learning rates of SGD with momentum, an octave apart; extended where a best one lies at an end, and refined by half
octaves around each family's best."""

OTHER_LR = "1e-4:0.1024:11"
"""The same for the other update rules, most of which divide by the size of the gradient."""


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """Every family at every horizon; the schedule that the options name races with them.

    Raises:
        SpecError: With too few steps.
    """
    (task,) = tasks.values()
    steps = spec.horizon(task.size("train"))
    if steps < FEWEST_STEPS:
        raise SpecError(f"decay needs at least {FEWEST_STEPS} steps, got {steps}: half of them are raced as well")
    families = FAMILIES if spec.schedule in FAMILIES.values() else FAMILIES | {spec.schedule: spec.schedule}
    lrs = tuple(parse_grid(spec.lr or (SGD_LR if isinstance(spec.rule(), SGD) else OTHER_LR)))
    found = []
    for share in SHARES:
        horizon = round(share * steps)
        for name, schedule in families.items():
            own = spec.model_copy(update={"schedule": schedule, "steps": horizon, "epochs": None})
            unique = name if share == 1 else f"{name} @ {horizon}"
            base = replace(base_run(own, task, measures), evaluate_every=max(1, -(-horizon // (EVALUATIONS - 1))))
            found.append(Arm(unique, name, base, lrs))
    return tuple(found)


def races(sweeps: Sequence[Sweep], options: SweepOptions) -> dict[int, Race]:
    """One race for each horizon, the one that was asked for first; arms are named by their families."""
    found = {}
    for steps in dict.fromkeys(sweep.arm.base.steps for sweep in sweeps):
        own = {s.arm.name.split(" @ ")[0]: s for s in sweeps if s.arm.base.steps == steps}
        batch_size = next(iter(own.values())).arm.base.batch_size
        by_family = {name: sweep.table for name, sweep in own.items()}
        found[steps] = read_race(by_family, METRIC, options, steps, batch_size)
    return found


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """The findings of the race at the horizon that was asked for, and ``race_horizons``."""
    options = sweeps[0].options
    found = races(sweeps, options)
    return [*race_findings(next(iter(found.values()))), horizon_finding(found, options)]
