"""Running a study: rounds of runs until its questions are answered, then findings and the report."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from etude import __version__
from etude.analysis.planning import plan
from etude.analysis.table import SweepTable
from etude.core.errors import ExecutionError, Interrupted, SpecError
from etude.core.message import Message
from etude.core.record import from_plain, to_plain
from etude.core.spec import RunSpec, TaskRef
from etude.execution.pool import run_inline, run_jobs
from etude.report.catalogue import say
from etude.schedules.notation import parse_schedule
from etude.storage.beginning import make_folder
from etude.storage.guard import DATABASE
from etude.storage.writer import StudyWriter
from etude.studies.etude import Etude
from etude.studies.interrupt import Stop, stop_on_signals
from etude.studies.preflight import check_disk, lanes_that_fit
from etude.studies.shards import Finished, Moved, Saved, Shard, partition, train_shard
from etude.studies.spec import StudySpec
from etude.studies.stored import ENGINE, FINGERPRINT, ROUND, sweep_options
from etude.studies.watch import Tally, Watcher
from etude.tasks.checks import check_task
from etude.tasks.task import Task
from etude.training.engine import Engine, choose_engine, lanes_at_once
from etude.training.process import prepare_process

EVALUATIONS = 25
"""Points of a curve, evenly spaced over the horizon: enough to read off when a target is crossed."""


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


def run_study(etude: Etude, spec: StudySpec, task: Task, folder: Path, execution: Execution, watcher: Watcher) -> None:
    """Run a study to its end, or go on with it; its runs and findings are then stored in the folder.

    Raises:
        UserError: When the options, the task or the folder do not allow it; nothing was trained.
        Interrupted: When a signal asked to stop; the same command goes on.
        StorageError: When the disk is full or damaged.
        ExecutionError: When the machine's memory or disk is too small, or a worker died twice.
    """
    with stop_on_signals() as stop, prepare_process():
        for warning in check_task(task, spec.batch_size):
            watcher.say(f"warning: {warning}")
        specs = [_run_spec(etude, spec, task, lr, seed) for lr in spec.lrs for seed in range(spec.seeds)]
        make_folder(folder)
        chosen = None
        if not (folder / DATABASE).exists():
            # What does not fit is said before there is a study, so that other options may be tried in the same folder.
            check_disk(task, specs, folder, keep_weights=execution.keep_weights)
            chosen = _choose(task, specs[0], spec, execution)
        stored = spec.stored() | {FINGERPRINT: task.fingerprint}
        with StudyWriter.create_or_open(folder, stored, _provenance()) as writer:
            if writer.reader.plan(ENGINE) is None:
                writer.put_plan(ENGINE, chosen or _choose(task, specs[0], spec, execution))
            engine, dealt = _engine(writer, execution, watcher)
            traced = writer.reader.traces()
            waiting = [s for s in specs if s.hash not in traced]
            check_disk(task, waiting, folder, keep_weights=execution.keep_weights)
            conductor = _Conductor(writer, task, engine, execution, watcher, stop)
            conductor.warn()
            options, number = sweep_options(spec), 0
            planned: dict[str, RunSpec] = {}
            reasons: tuple[Message, ...] = ()
            while specs:
                shards = partition(specs, **dealt)
                document = {
                    "lrs": sorted({s.peak_lr for s in specs}),
                    "reasons": [to_plain(reason) for reason in reasons],
                    "shards": [[s.hash for s in shard.specs] for shard in shards],
                }
                writer.put_plan(ROUND.format(number), document)
                writer.add_runs(specs)
                conductor.train(shards, number + 1)
                # A study that goes on may hold runs of later rounds; a round is planned from what it saw at first.
                planned |= {s.hash: s for s in specs}
                table = _table(writer, list(planned.values()))
                further = plan(table, options)
                specs = [_run_spec(etude, spec, task, lr, seed) for lr in further.lrs for seed in range(spec.seeds)]
                reasons, number = further.reasons, number + 1
            writer.put_findings(etude.find(table, options))
            conductor.warn()


@dataclass
class _Conductor:
    """Hands shards to workers and what they report to storage."""

    writer: StudyWriter
    task: Task
    engine: Engine
    execution: Execution
    watcher: Watcher
    stop: Stop
    warned: int = 0

    def train(self, shards: Sequence[Shard], number: int) -> None:
        """Train the shards of a round that are not stored yet."""
        missing = self._missing(shards)
        jobs = [(shard, self.writer.latest_checkpoint(shard.key)) for shard in missing]
        self.warn()
        runs, waiting = (sum(len(s.specs) for s in part) for part in (shards, missing))
        tally = Tally(number, runs, shards[0].specs[0].steps, runs - waiting)
        with closing(self._reports(jobs)) as reports:
            for index, report in reports:
                shard = missing[index]
                if isinstance(report, Moved):
                    tally.moved(index, report.lane_steps, report.alive, report.left)
                elif isinstance(report, Saved):
                    self.writer.put_checkpoint(shard.key, report.step, report.data)
                elif isinstance(report, Finished):
                    self._store(shard, report)
                    tally.finished(index, len(shard.specs), sum(t.outcome.diverged for t in report.traces))
                self.watcher.show(tally.status())
        if self.stop.signal is not None:
            raise Interrupted("stopped; everything done so far is saved", self.stop.signal)

    def warn(self) -> None:
        """Pass on what storage has found damaged."""
        for line in self.writer.warnings[self.warned :]:
            self.watcher.say(f"warning: {line}")
        self.warned = len(self.writer.warnings)

    def _missing(self, shards: Sequence[Shard]) -> list[Shard]:
        traced = self.writer.reader.traces()
        weighed = set(self.writer.reader.weights_keys())
        return [
            shard
            for shard in shards
            if any(s.hash not in traced for s in shard.specs)
            or (self.execution.keep_weights and shard.key not in weighed)
        ]

    def _store(self, shard: Shard, report: Finished) -> None:
        if self.execution.keep_weights:
            self.writer.put_weights(shard.key, report.weights)
        self.writer.put_traces(report.traces)
        self.writer.drop_checkpoints(shard.key)

    def _reports(self, jobs: Sequence[tuple[Shard, bytes | None]]) -> Generator[tuple[int, object]]:
        def work(job: tuple[Shard, bytes | None], should_stop: Callable[[], bool]) -> Iterator[object]:
            return train_shard(self.task, self.engine, *job, should_stop)

        if self.execution.workers:
            return run_jobs(work, jobs, self.execution.workers, self.stop)
        return run_inline(work, jobs, self.stop)


def _run_spec(etude: Etude, spec: StudySpec, task: Task, lr: float, seed: int) -> RunSpec:
    steps = spec.horizon(task.size("train"))
    return RunSpec(
        task=TaskRef(task.name, task.fingerprint),
        rule=spec.rule(),
        schedule=parse_schedule(spec.schedule, steps),
        peak_lr=lr,
        steps=steps,
        batch_size=spec.batch_size,
        seed=seed,
        clip_norm=spec.clip,
        evaluate_every=max(1, -(-steps // (EVALUATIONS - 1))),
        measures=etude.measures,
    )


def _choose(task: Task, base: RunSpec, spec: StudySpec, execution: Execution) -> dict[str, Any]:
    """The engine, and how its lanes are dealt, as the study stores them."""
    choice = choose_engine(task, [base] * min(8, len(spec.lrs)), execution.engine)
    dealt = {
        "lanes_that_fit": lanes_that_fit(task, base, choice.engine, execution.workers),
        "at_once": lanes_at_once(task, base.seed, choice.engine),
    }
    about = {"engine": choice.engine.value, "reason": to_plain(choice.reason), "device": execution.device}
    return about | {"lanes": dealt}


def _engine(writer: StudyWriter, execution: Execution, watcher: Watcher) -> tuple[Engine, dict[str, int]]:
    """The engine, and how its lanes are dealt, as the study was begun; what is asked for now must not differ."""
    stored = writer.reader.plan(ENGINE)
    assert stored is not None
    if execution.engine not in (Engine.AUTO, stored["engine"]):
        raise SpecError(
            f"the study was begun with --engine {stored['engine']}, whose last bits differ from {execution.engine}'s: "
            "leave --engine out, or choose another --out"
        )
    if execution.device != stored["device"]:
        raise SpecError(
            f"the study was begun on {stored['device']}, whose last bits differ from {execution.device}'s: "
            f"pass --device {stored['device']}, or choose another --out"
        )
    watcher.say(f"engine: {stored['engine']} ({say(from_plain(stored['reason']))})")
    return Engine(stored["engine"]), stored["lanes"]


def _table(writer: StudyWriter, specs: Sequence[RunSpec]) -> SweepTable:
    traces = writer.reader.traces()
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
