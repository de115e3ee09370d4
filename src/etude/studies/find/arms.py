"""Ramps of several lengths, and constant learning rates over several horizons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etude.analysis.options import LossMetric
from etude.analysis.planning import Plan
from etude.analysis.refining import refine
from etude.core.errors import SpecError
from etude.core.measure import Measure
from etude.core.message import Message
from etude.schedules.warmup import GeometricWarmup
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.etude import Tasks
from etude.studies.grids import parse_grid
from etude.studies.spec import StudySpec
from etude.training.rules import SGD

METRIC: LossMetric = "validation_loss"
"""What a learning rate is chosen for."""

PARTS = (1, 3, 10, 30)
"""The horizons: the whole one first, which is the truth, and parts of it, which a finder can afford."""

RAMPS = (50, 100, 400)
"""Lengths of the ramps [steps]; finders take 100."""

USUAL = 100

LOW, HIGH = 1e-7, 10.0
"""Ends of the ramps, those of fastai's finder."""

FEWEST_STEPS = 150
"""A thirtieth of which are five."""

SGD_LR = "1e-3:1:10"
OTHER_LR = "1e-4:0.1:10"
"""First learning rates, thirds of a decade; extended and refined about the best one of each horizon."""


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """One arm for each horizon and each ramp.

    Raises:
        SpecError: With too few steps, or a schedule or controller of the user's.
    """
    (task,) = tasks.values()
    if spec.schedule != "constant" or spec.controller is not None:
        given = spec.controller or spec.schedule
        raise SpecError(f"find compares ramps with constant learning rates, got {given!r}: leave it out")
    steps = spec.horizon(task.size("train"))
    if steps < FEWEST_STEPS:
        raise SpecError(f"find needs at least {FEWEST_STEPS} steps, got {steps}: a thirtieth of them is run as well")
    lrs = tuple(parse_grid(spec.lr or (SGD_LR if isinstance(spec.rule(), SGD) else OTHER_LR)))
    found = []
    for part in PARTS:
        horizon = round(steps / part)
        label = Message("find_study.arm.constant", {"steps": horizon})
        found.append(Arm(f"constant {horizon}", label, base_run(_lasting(spec, horizon), task, measures), lrs))
    for length in RAMPS:
        rise = GeometricWarmup(length, LOW / HIGH)
        base = replace(
            base_run(_lasting(spec, length), task, measures), schedule=rise, peak_lr=HIGH, evaluate_every=length
        )
        found.append(Arm(f"ramp {length}", Message("find_study.arm.ramp", {"steps": length}), base, (HIGH,)))
    return tuple(found)


def next_lrs(sweeps: Sequence[Sweep]) -> dict[str, Plan]:
    """Refine the constant learning rates of every horizon around the best."""
    return {s.arm.name: refine(s.table, METRIC, s.options) for s in sweeps if not is_ramp(s)}


def is_ramp(sweep: Sweep) -> bool:
    """Whether the sweep holds ramps, one for each seed."""
    return isinstance(sweep.arm.base.schedule, GeometricWarmup)


def _lasting(spec: StudySpec, steps: int) -> StudySpec:
    return spec.model_copy(update={"steps": steps, "epochs": None})
