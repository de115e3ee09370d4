"""What a step of the torch scheduler costs, against torch's own chain of warm-up and cosine."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from timing import interleaved, ratio
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

from etude.integrations.torch_scheduler import ScheduledLR
from etude.schedules import Cosine, chain, warmup

STEPS, WARMUP, REPEATS = 1000, 50, 10
GROUPS = (1, 10)


class Still(torch.optim.Optimizer):
    """An optimizer that does nothing, so that what the scheduler adds to a step can be seen."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move nothing."""


def theirs(optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Warm-up and cosine of torch."""
    rise = LinearLR(optimizer, start_factor=1 / WARMUP, total_iters=WARMUP)
    fall = CosineAnnealingLR(optimizer, STEPS - WARMUP)
    return SequentialLR(optimizer, [rise, fall], [WARMUP])


def ours(optimizer: torch.optim.Optimizer) -> LRScheduler:
    """The same, ours."""
    return ScheduledLR(optimizer, chain(warmup(WARMUP), Cosine(1.0, 0.0, STEPS - WARMUP)))


def compare_schedulers(rounds: int) -> None:
    """Print the cost of a step beyond that of the optimizer: the scheduler's call and its hooks."""
    for groups in GROUPS:
        taken = interleaved(
            {
                "none": lambda n=groups: seconds(n, None),  # type: ignore[misc]
                "ours": lambda n=groups: seconds(n, ours),  # type: ignore[misc]
                "theirs": lambda n=groups: seconds(n, theirs),  # type: ignore[misc]
            },
            rounds,
        )
        cost = {
            name: [run - bare for run, bare in zip(taken[name], taken["none"], strict=True)]
            for name in ("ours", "theirs")
        }
        middle, low, high = ratio(cost["ours"], cost["theirs"])
        micros = {name: 1e6 * median(values) / STEPS for name, values in cost.items()}
        print(
            f"scheduler step, {groups} groups: {micros['ours']:.1f} µs, torch's SequentialLR {micros['theirs']:.1f} µs: "
            f"{middle:.2f} of it ({low:.2f}-{high:.2f})  aim 1.0"
        )


def seconds(groups: int, make: Callable[[torch.optim.Optimizer], LRScheduler] | None) -> float:
    """Least process time of a whole run, an update that does nothing and a scheduler's step: what is more is disturbance."""
    taken = []
    for _ in range(REPEATS):
        optimizer = Still([{"params": [torch.zeros(1)], "lr": 0.1} for _ in range(groups)], {})
        scheduler = make(optimizer) if make else None
        began = time.process_time()
        for _ in range(STEPS - 1):
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        taken.append(time.process_time() - began)
    return min(taken)
