"""Whether a study fits the machine, before it starts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from etude.core.errors import ExecutionError
from etude.core.spec import RunSpec, TaskRef
from etude.core.task import Task
from etude.storage.files import free_bytes
from etude.training.engine import Engine
from etude.training.memory import bytes_per_lane, step_columns, weight_bytes

MEMORY_SHARE = 0.5
"""Share of the memory that is free now which the stacks of all workers may take together."""

STACK_BYTES = 512 * 2**20
"""Memory of one stack at most: more lanes than that do not train faster."""

FURTHER_RUNS = 1.5
"""Runs of a study against those of its grid: extending the grid and bracketing the edge take more."""

COLUMNS_OF_POINTS = 20
"""Columns of a run's evaluations, generously: five without measures, and up to fifteen for one that looks inside."""

_MARGIN = 64 * 2**20


def lanes_that_fit(task: Task, spec: RunSpec, engine: Engine, workers: int) -> int:
    """How many lanes of a stack fit into the memory.

    Raises:
        ExecutionError: When not even one does.
    """
    lane = bytes_per_lane(task, spec, engine)
    available = _available_memory() * MEMORY_SHARE / max(1, workers)
    if lane > available:
        raise ExecutionError(
            f"one run needs about {_size(lane)} of memory and each of {workers} workers may take {_size(available)}: "
            "pass fewer --workers, or a smaller --batch-size or model"
        )
    return max(1, int(min(available, STACK_BYTES) // lane))


def check_disk(tasks: Mapping[TaskRef, Task], specs: Sequence[RunSpec], folder: Path, *, keep_weights: bool) -> None:
    """Raise ``ExecutionError`` when what the study will store for runs that are not stored yet does not fit the disk."""
    if not specs:
        return
    params = {ref: len(list(task.init(0).parameters())) for ref, task in tasks.items()}
    traces = sum(8 * spec.steps * step_columns(spec, params[spec.task]) for spec in specs)
    traces += sum(8 * COLUMNS_OF_POINTS * (spec.steps // spec.evaluate_every + 2) for spec in specs)
    weights = sum(
        weight_bytes(task, [s for s in specs if s.task == ref]) for ref, task in tasks.items() if keep_weights
    )
    needed = FURTHER_RUNS * (traces + weights) + _MARGIN
    free = free_bytes(folder)
    if needed > free:
        remedy = "pass --no-weights, free some, or" if keep_weights else "free some, or"
        raise ExecutionError(
            f"the study needs about {_size(needed)} of disk and {folder} has {_size(free)} free: {remedy} choose another --out"
        )


def _available_memory() -> float:
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) + _reclaimable()
    except (ValueError, OSError):
        return 4 * 2**30


def _reclaimable() -> float:
    # Linux counts its file cache as used, though it gives it back on demand.
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = {line.split(":")[0]: float(line.split()[1]) * 1024 for line in lines}
    return max(0.0, sizes.get("MemAvailable", 0.0) - sizes.get("MemFree", 0.0))


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
