"""What the étude trains: deep networks over η, a map over the scale of the weights, remedies, recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from etude.analysis.gradients.depth import DeepSweep
from etude.analysis.gradients.remedies import settled
from etude.analysis.halving import Aim
from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.race.reading import Race, read_race
from etude.analysis.refining import refine
from etude.analysis.table import SweepTable
from etude.core.errors import SpecError
from etude.core.measure import Measure
from etude.core.spec import RunSpec
from etude.studies.arms import Arm, Sweep
from etude.studies.bases import base_run
from etude.studies.etude import Tasks, one_task
from etude.studies.gradients import networks
from etude.studies.gradients.networks import HIDDEN, TIMES, WIDTH, WITHOUT, Net, Remedy, label, recurrent_name
from etude.studies.grids import parse_grid
from etude.studies.spec import StudySpec
from etude.training.measures.depth import DepthProfile
from etude.training.measures.recurrent import HiddenGradients

if TYPE_CHECKING:
    from etude.tasks.task import Task

METRIC: LossMetric = "train_loss"
"""What decides: whether a network trains at all is a question about the training loss."""

GRID_LR, MAP_LR, REMEDY_LR, TIME_LR = "1e-3:0.3162:6", "1e-4:0.3162:8", "1e-4:1:9", "3e-3:0.3:5"
"""First learning rates for SGD with momentum, half decades apart."""

OTHER = 0.1
"""Adaptive rules are content with about a tenth."""

RESOLUTION = 0.9
"""Remedies are refined around their best until its neighbours lie within so many octaves: once."""

POINTS = 4
"""Evaluations after the first: looking inside a deep network costs more than training it for some steps."""


def own_tasks(spec: StudySpec, given: Task | None, device: str) -> Tasks:
    """Deep and recurrent networks on the chosen data.

    Raises:
        SpecError: When a network is asked for.
        TaskError: When the data is not one of classes.
    """
    if spec.model != "mlp" or spec.hidden or spec.activation != "relu":
        raise SpecError("gradients brings networks of its own: leave model, hidden and activation out")
    from etude.tasks.deep import deep_task, sequence_task

    (data,) = one_task(spec, given, device).values()
    nets = dict.fromkeys([*networks.GRID, *networks.MAP, *_patients()])
    tasks = {
        net.name: deep_task(data, f"{data.name}: {net.name}", WIDTH, net.depth, net.activation, net.init)  # type: ignore[arg-type]
        for net in nets
    }
    for remedy in networks.THROUGH_TIME.values():
        assert remedy.init is not None, "every recurrent start is named"
        name = recurrent_name(remedy.init)
        tasks[name] = sequence_task(data, f"{data.name}: {name}", TIMES, HIDDEN, remedy.init)  # type: ignore[arg-type]
    return tasks


def arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:
    """One arm for each network, each scale of the map, each remedy and each recurrent start.

    Raises:
        SpecError: When a schedule or clipping is asked for.
    """
    if spec.schedule != "constant" or spec.clip is not None:
        raise SpecError("gradients compares schedules and clipping of its own: leave schedule and clip out")

    def base(task: str, *own: Measure, remedy: Remedy | None = None) -> RunSpec:
        chosen = remedy or Remedy()
        run = base_run(spec.model_copy(update={"schedule": chosen.schedule}), tasks[task], (*measures, *own))
        return replace(run, evaluate_every=max(1, -(-run.steps // POINTS)), **chosen.clip)  # type: ignore[arg-type]

    deepest = max(net.depth for net in networks.GRID)
    found = [
        Arm(
            net.name, net.name, base(net.name, *([DepthProfile()] if net.depth == deepest else [])), _lrs(spec, GRID_LR)
        )
        for net in networks.GRID
    ]
    found += [
        Arm(f"map {label(net.init)}", label(net.init), base(net.name), _lrs(spec, MAP_LR)) for net in networks.MAP
    ]
    for patient, net in networks.PATIENTS.items():
        for name, remedy in networks.REMEDIES.items():
            run = base(_treated(net, remedy).name, remedy=remedy)
            found.append(Arm(f"{patient}: {name}", name, run, _lrs(spec, REMEDY_LR)))
    for name, remedy in networks.THROUGH_TIME.items():
        assert remedy.init is not None, "every recurrent start is named"
        run = base(recurrent_name(remedy.init), HiddenGradients(times=True), remedy=remedy)
        found.append(Arm(f"time: {name}", name, run, _lrs(spec, TIME_LR)))
    return tuple(found)


def next_lrs(sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:
    """Refine what is compared at its best learning rate; deep networks and the map share a grid."""
    chosen = [sweep for sweep in sweeps if ": " in sweep.arm.name]
    return {sweep.arm.name: refine(sweep.table, METRIC, sweep.options, RESOLUTION) for sweep in chosen}


def aims(sweeps: Sequence[Sweep], aim: Aim) -> dict[str, Aim]:
    """Best learning rate and basin of what is raced; the best alone of deep networks, which share a grid.

    Their signals at initialization are read at the first learning rate, and the map counts learning rates, so it has no entry.
    """
    raced = replace(aim, metrics=(METRIC,), basin=True, spacing=RESOLUTION)
    found = {s.arm.name: raced for s in sweeps if among(s.arm) is not None}
    deep = {net.name for net in networks.GRID}
    for arm in (s.arm for s in sweeps if s.arm.name in deep):
        found[arm.name] = replace(aim, metrics=(METRIC,), asked=arm.lrs[:1], fixed=True)
    return found


def among(arm: Arm) -> str | None:
    """Whose remedies an arm is compared with."""
    return arm.name.partition(": ")[0] if ": " in arm.name else None


def race_of(sweeps: Sequence[Sweep], part: str) -> Race:
    """The race of the remedies for one patient, or of the recurrent networks (``"time"``)."""
    own = {s.arm.name.removeprefix(f"{part}: "): s for s in sweeps if s.arm.name.startswith(f"{part}: ")}
    first = next(iter(own.values()))
    race = read_race(
        {name: sweep.table for name, sweep in own.items()},
        METRIC,
        race_options(first.options),
        first.arm.base.steps,
        first.arm.base.batch_size,
    )
    return settled(race, "default" if part == "time" else WITHOUT)


def race_options(options: SweepOptions) -> SweepOptions:
    """Options of a race between networks whose losses before training differ a hundredfold.

    A basin is what lies within the tolerance of the best loss; a share of the descent would make the basin of a network that
    begins with a loss of hundreds the widest.
    """
    return replace(options, objective=METRIC, floor=0.0, lr_range=None)


def deep_sweeps(sweeps: Sequence[Sweep]) -> list[DeepSweep]:
    """The networks of the grid."""
    by_name = {sweep.arm.name: sweep.table for sweep in sweeps}
    return [_deep(net, by_name[net.name]) for net in networks.GRID]


def map_sweeps(sweeps: Sequence[Sweep]) -> list[DeepSweep]:
    """The networks of the map, by growing scale."""
    by_name = {sweep.arm.name: sweep.table for sweep in sweeps}
    return [_deep(net, by_name[f"map {label(net.init)}"]) for net in networks.MAP]


def _deep(net: Net, table: SweepTable) -> DeepSweep:
    return DeepSweep(net.activation, net.depth, net.init, label(net.init), table)


def _treated(net: Net, remedy: Remedy) -> Net:
    return net if remedy.init is None else replace(net, init=remedy.init)


def _patients() -> list[Net]:
    return [_treated(net, remedy) for net in networks.PATIENTS.values() for remedy in networks.REMEDIES.values()]


def _lrs(spec: StudySpec, usual: str) -> tuple[float, ...]:
    if spec.lr is not None:
        return tuple(spec.lrs)
    share = 1.0 if spec.optimizer.startswith("sgd") else OTHER
    return tuple(float(f"{share * lr:.6g}") for lr in parse_grid(usual))
