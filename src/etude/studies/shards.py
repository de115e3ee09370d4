"""A part of a study that one worker trains: runs that share a stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from etude.core.record import content_hash
from etude.core.spec import RunSpec
from etude.core.task import Task
from etude.core.trace import Trace
from etude.training.checkpoint import pack, pack_tensors, unpack
from etude.training.engine import Engine, make_gradients
from etude.training.finish import final_weights, finish
from etude.training.lanes import stack_key, start_lanes
from etude.training.process import prepare_process
from etude.training.train import train

CHECKPOINT_SECONDS = 5.0
"""Time between checkpoints of a stack: what a kill can cost, against the disk's time to sync."""

MOST_LANES = 16
"""Lanes of a stack. Small networks gain up to about here, and more stacks balance better over the workers."""

FEWEST_SHARDS = 4
"""Shards of a round, so that a few workers all have something to do."""


@dataclass(frozen=True)
class Shard:
    """Runs that train side by side in one worker, and how they are computed."""

    specs: tuple[RunSpec, ...]
    engine: Engine

    @property
    def key(self) -> str:
        """Names the shard's files."""
        return content_hash([s.hash for s in self.specs])


@dataclass(frozen=True)
class Moved:
    """A stack made steps: lane-steps since the last report, lanes alive, lanes that left."""

    lane_steps: int
    alive: int
    left: int


@dataclass(frozen=True)
class Saved:
    """A stack can go on from here."""

    step: int
    data: bytes


@dataclass(frozen=True)
class Finished:
    """A stack is trained: one trace for each run, and the final weights of those that reached the end."""

    traces: list[Trace]
    weights: bytes


def partition(specs: Sequence[RunSpec], engine: Engine, lanes_that_fit: int, at_once: int) -> list[Shard]:
    """Deal runs into shards, of one seed each: whatever may share a stack does, whichever arms it belongs to.

    Runs with equal update rules stay neighbours, which lets them be updated at once; beyond that learning rates are
    interleaved, so that the diverging ones are spread. Depends on nothing but the runs and the engine, so it is the same for
    any number of workers.

    Args:
        specs: The runs, of one task.
        engine: How they are computed.
        lanes_that_fit: Most lanes of a shard.
        at_once: Fewest lanes worth a shard of their own.
    """
    groups: dict[tuple[object, ...], list[RunSpec]] = {}
    for spec in sorted(specs, key=lambda spec: (spec.seed, repr(spec.rule), spec.peak_lr, spec.hash)):
        groups.setdefault(stack_key(spec), []).append(spec)
    shards = []
    for group in groups.values():
        limit = max(at_once, min(MOST_LANES, lanes_that_fit))
        enough = min(ceil(FEWEST_SHARDS / len(groups)), len(group) // at_once)
        parts = max(1, ceil(len(group) / limit), enough)
        shards += [Shard(tuple(group[i::parts]), engine) for i in range(parts)]
    return shards


def train_shard(
    task: Task, shard: Shard, checkpoint: bytes | None, should_stop: Callable[[], bool]
) -> Iterator[Moved | Saved | Finished]:
    """Train a shard from its start or from a checkpoint, reporting as it goes; the work of a worker."""
    device = task.examples("train", 1)[0].device
    with prepare_process():
        lanes = unpack(checkpoint, shard.specs, device) if checkpoint else start_lanes(shard.specs, task)
        gradients = make_gradients(task, shard.specs[0].seed, shard.engine)
        saved = time.monotonic()
        for progress in train(lanes, gradients, task):
            yield Moved(progress.lane_steps, progress.alive, progress.left)
            if should_stop() or time.monotonic() - saved > CHECKPOINT_SECONDS:
                yield Saved(lanes.step, pack(lanes))
                saved = time.monotonic()
            if should_stop():
                return
        traces = []
        for trace in finish(lanes, gradients, task):
            traces.append(trace)
            yield Moved(0, len(lanes.alive), len(lanes.exploded))
            if should_stop():
                yield Saved(lanes.step, pack(lanes))
                return
        yield Finished(traces, pack_tensors(final_weights(lanes)))
