"""Hands shards to workers, and what they report to storage."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from etude.core.errors import Interrupted
from etude.core.spec import TaskRef
from etude.core.task import Task
from etude.execution.pool import run_inline, run_jobs
from etude.storage.writer import StudyWriter
from etude.studies.interrupt import Stop
from etude.studies.shards import Finished, Moved, Saved, Shard, train_shard
from etude.studies.watch import Tally, Watcher


@dataclass
class Conductor:
    """Trains shards until all are stored.

    Attributes:
        writer: The study.
        tasks: What its runs train.
        workers: Processes; 0 trains in this one.
        keep_weights: Whether final weights are stored.
        watcher: Told how it is getting on.
        stop: Whether a signal has asked to stop.
    """

    writer: StudyWriter
    tasks: Mapping[TaskRef, Task]
    workers: int
    keep_weights: bool
    watcher: Watcher
    stop: Stop
    warned: int = 0

    def train(self, shards: Sequence[Shard], number: int) -> None:
        """Train the shards of a round that are not stored yet.

        Raises:
            Interrupted: When a signal asked to stop; everything done so far is saved.
        """
        missing = self._missing(shards)
        jobs = [(shard, self.writer.latest_checkpoint(shard.key)) for shard in missing]
        self.warn()
        runs, waiting = (sum(len(s.specs) for s in part) for part in (shards, missing))
        tally = Tally(number, runs, runs - waiting, sum(spec.steps for shard in missing for spec in shard.specs))
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
            if any(s.hash not in traced for s in shard.specs) or (self.keep_weights and shard.key not in weighed)
        ]

    def _store(self, shard: Shard, report: Finished) -> None:
        if self.keep_weights:
            self.writer.put_weights(shard.key, report.weights)
        self.writer.put_traces(report.traces)
        self.writer.drop_checkpoints(shard.key)

    def _reports(self, jobs: Sequence[tuple[Shard, bytes | None]]) -> Generator[tuple[int, object]]:
        def work(job: tuple[Shard, bytes | None], should_stop: Callable[[], bool]) -> Iterator[object]:
            return train_shard(self.tasks[job[0].specs[0].task], *job, should_stop)

        if self.workers:
            return run_jobs(work, jobs, self.workers, self.stop)
        return run_inline(work, jobs, self.stop)
