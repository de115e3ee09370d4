"""Running a study: rounds of runs until its questions are answered, then findings and the report."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from etude import __version__
from etude.analysis.planning import Plan
from etude.analysis.table import SweepTable
from etude.core.errors import ExecutionError, SpecError
from etude.core.record import content_hash, to_plain
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Trace
from etude.storage.beginning import make_folder
from etude.storage.guard import DATABASE
from etude.storage.writer import StudyWriter
from etude.studies.arms import Arm, Sweep
from etude.studies.conductor import Conductor
from etude.studies.engines import choose_engines, deal, stored_engines
from etude.studies.etude import Etude, Tasks
from etude.studies.fresh import fresh_findings, fresh_runs
from etude.studies.interrupt import stop_on_signals
from etude.studies.option_checks import MOST_RUNS
from etude.studies.precision import first_plan, require_budget
from etude.studies.preflight import check_disk
from etude.studies.spec import StudySpec
from etude.studies.stored import ARMS, ENGINES, FINGERPRINT, ROUND, arm_options
from etude.studies.watch import Watcher
from etude.tasks.checks import check_task
from etude.training.engine import Engine
from etude.training.process import prepare_process


@dataclass(frozen=True)
class Execution:
    """How a study is run; none of it changes a number, but the engine and the device, which are stored with the study.

    Attributes:
        workers: Processes; 0 trains in this process.
        engine: Wanted engine.
        device: Torch device.
        keep_weights: Whether final weights are stored.
    """

    workers: int
    engine: Engine
    device: str
    keep_weights: bool


def run_study(
    etude: Etude, spec: StudySpec, tasks: Tasks, folder: Path, execution: Execution, watcher: Watcher
) -> None:
    """Run a study to its end, or go on with it; its runs and findings are then stored in the folder.

    Raises:
        UserError: When the options, the task or the folder do not allow it; nothing was trained.
        Interrupted: When a signal asked to stop; the same command goes on.
        StorageError: When the disk is full or damaged.
        ExecutionError: When the machine's memory or disk is too small, or a worker died twice.
    """
    with stop_on_signals() as stop, prepare_process():
        arms = etude.arms(spec, tasks, etude.measures)
        by_ref = {TaskRef(task.name, task.fingerprint): task for task in tasks.values()}
        for ref, batch_size in dict.fromkeys((arm.base.task, _largest_batch(arm.base)) for arm in arms):
            for warning in check_task(by_ref[ref], batch_size):
                watcher.say(f"warning: {warning}")
        begin = {arm.name: first_plan(etude, arm) for arm in arms}
        first = _few_enough([run for arm in arms for run in arm.runs(begin[arm.name], spec.seeds)])
        require_budget(spec, len({run.hash for run in first}))
        keep_weights = execution.keep_weights and etude.keeps_weights
        make_folder(folder)
        chosen = None
        if not (folder / DATABASE).exists():
            # What does not fit is said before there is a study, so that other options may be tried in the same folder.
            check_disk(by_ref, first, folder, keep_weights=keep_weights)
            chosen = choose_engines(by_ref, arms, execution.engine, execution.device, execution.workers)
        stored = spec.stored() | {FINGERPRINT: _fingerprint(tasks)}
        with StudyWriter.create_or_open(folder, stored, _provenance()) as writer:
            if writer.reader.plan(ENGINES) is None:
                writer.put_plan(
                    ENGINES,
                    chosen or choose_engines(by_ref, arms, execution.engine, execution.device, execution.workers),
                )
            writer.put_plan(ARMS, _arms_document(arms))
            traced = writer.reader.traces()
            check_disk(by_ref, [s for s in first if s.hash not in traced], folder, keep_weights=keep_weights)
            conductor = Conductor(writer, by_ref, execution.workers, keep_weights, watcher, stop)
            conductor.warn()
            dealt = stored_engines(writer, execution.engine, execution.device, watcher)
            sweeps, rounds = _train_rounds(etude, spec, begin, arms, conductor, dealt)
            findings = etude.find(sweeps)
            fresh = fresh_runs(etude, spec, sweeps, findings)
            if fresh:
                writer.add_runs([run for own in fresh.values() for run in own])
                conductor.train(deal(fresh, dealt), rounds + 1)
                traces = writer.reader.traces()
                again = {name: [(run, traces[run.hash]) for run in own] for name, own in fresh.items()}
                findings += fresh_findings(etude, sweeps, again)
            writer.put_findings(findings)
            conductor.warn()


def _train_rounds(
    etude: Etude,
    spec: StudySpec,
    begin: Mapping[str, Plan],
    arms: Sequence[Arm],
    conductor: Conductor,
    dealt: Mapping[str, Mapping[str, Any]],
) -> tuple[list[Sweep], int]:
    """Train what each arm asks for, round by round, until none asks for more; the sweeps, and how many rounds that took."""
    writer = conductor.writer
    runs: dict[str, list[RunSpec]] = {arm.name: [] for arm in arms}
    sweeps: list[Sweep] = []
    plans, number = begin, 0
    while any(further.lrs for further in plans.values()):
        new = {arm.name: arm.runs(plans[arm.name], spec.seeds) for arm in arms if arm.name in plans}
        writer.put_plan(ROUND.format(number), _round_document(new, plans))
        writer.add_runs([run for own in new.values() for run in own])
        conductor.train(deal(new, dealt), number + 1)
        # A study that goes on may hold runs of later rounds; a round is planned from what it saw at first.
        for name, own in new.items():
            runs[name] += own
        traces = writer.reader.traces()
        sweeps = [Sweep(arm, _table(runs[arm.name], traces), arm_options(spec, arm)) for arm in arms]
        plans, number = etude.plan(sweeps), number + 1
    return sweeps, number


def _largest_batch(base: RunSpec) -> int:
    return max(base.batch_size_at(step) for step in range(base.steps)) if base.scheduled else base.batch_size


def _few_enough(runs: list[RunSpec]) -> list[RunSpec]:
    if len(runs) > MOST_RUNS:
        raise SpecError(f"needs at most {MOST_RUNS} runs, got {len(runs)}: lower the learning rates, seeds or arms")
    return runs


def _arms_document(arms: Sequence[Arm]) -> dict[str, Any]:
    return {"arms": [{"name": arm.name, "label": to_plain(arm.label), "lrs": list(arm.lrs)} for arm in arms]}


def _round_document(new: Mapping[str, Sequence[RunSpec]], plans: Mapping[str, Plan]) -> dict[str, Any]:
    return {
        "arms": {
            name: {
                "lrs": list(plans[name].lrs),
                "reasons": [to_plain(reason) for reason in plans[name].reasons],
                "runs": [run.hash for run in own],
            }
            for name, own in new.items()
        }
    }


def _fingerprint(tasks: Tasks) -> str:
    prints = [task.fingerprint for task in tasks.values()]
    return prints[0] if len(prints) == 1 else content_hash(prints)


def _table(specs: Sequence[RunSpec], traces: Mapping[str, Trace]) -> SweepTable:
    missing = [s.hash for s in specs if s.hash not in traces]
    if missing:
        raise ExecutionError(f"{len(missing)} runs ended without a trace: run the same command again")
    return SweepTable.of([(s, traces[s.hash]) for s in specs])


def _provenance() -> dict[str, str]:
    return {
        "etude": __version__,
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    }
