"""The three races: lengths of a warm-up, shapes of it, and schedules that begin with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.halving import Aim
from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.race.reading import Race, read_race
from etude.analysis.refining import refine
from etude.analysis.statistics import FEW_SEEDS
from etude.analysis.warmup import around_ceiling, bracket_ceiling, half_way
from etude.core.errors import SpecError
from etude.core.measure import Measure
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.etude import Tasks
from etude.studies.grids import DEFAULT_LR, parse_grid
from etude.studies.spec import StudySpec

METRIC: LossMetric = "validation_loss"
"""What decides the races, as for every choice that is meant for use."""

WITHOUT, USUAL = "warmup(0%)", "warmup(10%)"

LENGTHS = {
    WITHOUT: "cosine",
    "warmup(2%)": "warmup(2%) > cosine",
    "warmup(5%)": "warmup(5%) > cosine",
    USUAL: "warmup(10%) > cosine",
    "warmup(20%)": "warmup(20%) > cosine",
    "warmup(40%)": "warmup(40%) > cosine",
}
"""Linear warm-ups of growing length, then the rest of the horizon for a cosine to zero."""

SHARES = {WITHOUT: 0.0, "warmup(2%)": 2.0, "warmup(5%)": 5.0, USUAL: 10.0, "warmup(20%)": 20.0, "warmup(40%)": 40.0}
"""Their lengths [% of the horizon]."""

SHAPES = {
    "none": LENGTHS[WITHOUT],
    "linear": LENGTHS[USUAL],
    "cosine": "warmup(10%, shape=cosine) > cosine",
    "geometric": "warmup(10%, shape=geometric) > cosine",
    "exponential": "warmup(10%, shape=exponential) > cosine",
}
"""Shapes of one length, the usual tenth of the horizon."""

SCHEDULES = {
    "cosine": LENGTHS[USUAL],
    "constant": "warmup(10%) > constant",
    "wsd linear": "wsd(warmup=10%, shape=linear)",
    "wsd cosine": "wsd(warmup=10%, shape=cosine)",
    "wsd 1-sqrt": "wsd(warmup=10%, shape=1-sqrt)",
    "wsd 1-square": "wsd(warmup=10%, shape=1-square)",
    "one-cycle": "onecycle",
}
"""What may follow a warm-up: a cosine, nothing, a stable phase and a cooldown of a fifth in each shape, or one cycle."""

RACES = {"length": LENGTHS, "shape": SHAPES, "schedule": SCHEDULES}

WATCHED = (LENGTHS[WITHOUT], LENGTHS[USUAL])
"""Schedules whose every update is measured."""

ADAM_LR = "3e-4:0.3:7"
"""First learning rates of the Adam family: half decades about the usual 1e-3 to 1e-2, refined around each one's best."""

CEILING_RATIO = 1.25
"""The highest peak that still trains is bracketed to a quarter, since a warm-up may move it by less than a factor of two."""

RESOLUTION = 0.5
"""Widest gap beside a best peak [octaves]."""

FEWEST_STEPS = 50
"""At which 2 % are still a whole step."""


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """One arm for each distinct schedule of the three races, named by its notation.

    Raises:
        SpecError: With too few steps, or a schedule of the user's.
    """
    (task,) = tasks.values()
    if spec.schedule != "constant":
        raise SpecError(f"warmup races schedules of its own, got {spec.schedule!r}: leave --schedule out")
    steps = spec.horizon(task.size("train"))
    if steps < FEWEST_STEPS:
        raise SpecError(f"warmup needs at least {FEWEST_STEPS} steps, got {steps}: 2 % of them are a warm-up")
    lrs = tuple(parse_grid(spec.lr or (DEFAULT_LR if spec.optimizer.startswith("sgd") else ADAM_LR)))
    found = []
    for schedule in dict.fromkeys(text for race in RACES.values() for text in race.values()):
        base = base_run(spec.model_copy(update={"schedule": schedule}), task)
        found.append(Arm(schedule, schedule, replace(base, measures=measures if schedule in WATCHED else ()), lrs))
    return tuple(found)


def next_lrs(sweeps: Sequence[Sweep]) -> dict[str, Plan]:
    """Refine every arm around its best learning rate; then bracket the ceiling of the arms that differ in length."""
    lengths = {sweep.arm.name: sweep.table for sweep in sweeps if sweep.arm.name in LENGTHS.values()}
    level = half_way(lengths, METRIC)
    plans = {}
    for sweep in sweeps:
        further = refine(sweep.table, METRIC, sweep.options, RESOLUTION)
        if not further.lrs and sweep.arm.name in lengths:
            further = bracket_ceiling(sweep.table, METRIC, level, replace(sweep.options, edge_ratio=CEILING_RATIO))
        plans[sweep.arm.name] = further
    return plans


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """Best peak and basin of every schedule, and the ceiling of those that differ in length, on which every seed is read."""
    lengths = {s.arm.name: s.table.comparable() for s in sweeps if s.arm.name in LENGTHS.values()}
    level = half_way(lengths, METRIC)
    found = {}
    for sweep in sweeps:
        own = replace(aim, metrics=(METRIC,), basin=True, spacing=RESOLUTION)
        table = lengths.get(sweep.arm.name)
        # Between two seeds it is chance where a ceiling lies.
        if table is not None and len(table.seeds) >= min(FEW_SEEDS, aim.seeds):
            bracket = bracket_ceiling(table, METRIC, level, replace(sweep.options, edge_ratio=CEILING_RATIO))
            own = replace(own, asked=(*around_ceiling(table, METRIC, level), *bracket.lrs))
        found[sweep.arm.name] = own
    return found


def races(sweeps: Sequence[Sweep], options: SweepOptions) -> dict[str, Race]:
    """The races by name; arms are named as the race calls them."""
    by_schedule = {sweep.arm.name: sweep for sweep in sweeps}
    base = sweeps[0].arm.base
    return {
        name: read_race(
            {label: by_schedule[text].table for label, text in race.items()},
            METRIC,
            options,
            base.steps,
            base.batch_size,
        )
        for name, race in RACES.items()
    }
