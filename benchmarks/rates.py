"""Learning rates that are good: one sweep over 13 of them for each twin and each world, none of it diagnosed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from cases import label
from lab import Case, train_cases, unmeasured
from worlds import HALF_DECADE

SEED = 100
"""A replicate that nothing is reported on."""


def sweep_twin(twin: Callable[[], Case], _should_stop: Callable[[], bool]) -> Iterator[str]:
    """Sweep half decades about a twin's learning rate, and say which end in the band and what lies in their middle."""
    torch.set_num_threads(1)
    case = unmeasured(twin())
    factors = [HALF_DECADE**i for i in range(-6, 7)]
    runs = train_cases(
        [replace(case, spec=replace(case.spec, peak_lr=x * case.spec.peak_lr)) for x in factors], forked=False
    )
    good = [x for x, truth in zip(factors, label(runs), strict=True) if truth == "ok"]
    low, high, own = good[0] * case.spec.peak_lr, good[-1] * case.spec.peak_lr, case.spec.peak_lr
    middle, best = (low * high) ** 0.5, min(runs, key=lambda run: run.final("train"))
    first, last, other = float(best.trace.evaluations["train_loss"][0]), best.final("train"), best.final("validation")
    yield (
        f"{case.world:24} lr {own:<9.3g} good {low:<7.3g} to {high:<7.3g} middle {middle:<7.3g} = {middle / own:<5.2g} times; "
        f"loss {first:.3g} to {last:.3g}, held out {other:.3g}"
    )
