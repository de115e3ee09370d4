"""Ways to a learning rate that need nothing but Étude and torch; those of other libraries are in ``peers``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch

from etude.integrations.finder.answer import Answer
from etude.integrations.finder.find import find
from finding.problems import BATCH, STEPS, Problem

SEEDS = range(100, 103)
"""Of searches; not those of the truth."""

FIND, JUDGED = "`etude.find`", "`etude.find`, by validation loss"
SWEEP_LRS = np.geomspace(1e-4, 1, 8)
SWEEP_STEPS = 100


@final
@dataclass(frozen=True)
class Search:
    """What one method said of one problem and seed.

    Attributes:
        problem: Its name.
        seed: Decides weights and order of batches.
        method: Its name in tables.
        lr: The learning rate that it names; ``None`` for no answer.
        steps: Training steps that it took.
        seconds: Processor time that it took on one thread.
        interval: Where it says that the best one may lie.
        confidence: In its own words.
        expected: Regret that it expects, as a share of the descent.
        note: Why there is no answer; or its doubts.
    """

    problem: str
    seed: int
    method: str
    lr: float | None
    steps: int
    seconds: float
    interval: tuple[float, float] | None = None
    confidence: str | None = None
    expected: float | None = None
    note: str | None = None


def by_find(problem: Problem, seed: int) -> Search:
    """Étude's finder as it comes, told the horizon."""
    return _found(FIND, problem, seed, judged=False)


def by_validation(problem: Problem, seed: int) -> Search:
    """Étude's finder, judging runs by the validation loss."""
    return _found(JUDGED, problem, seed, judged=True)


def by_default(problem: Problem, seed: int) -> Search:
    """What one would take without looking."""
    return Search(problem.name, seed, "0.01 for SGD, 0.001 for Adam", problem.default, 0, 0.0)


def by_sweep(problem: Problem, seed: int) -> Search:
    """Eight learning rates from 0.0001 to 1, 100 steps each; the one with the least mean loss over the last 25 steps."""
    began = time.process_time()
    values = [_short_run(problem, seed, float(lr)) for lr in SWEEP_LRS]
    seconds = time.process_time() - began
    lr = float(SWEEP_LRS[int(np.argmin(values))])
    return Search(problem.name, seed, "eight η, 100 steps each", lr, SWEEP_STEPS * len(SWEEP_LRS), seconds)


METHODS: tuple[Callable[[Problem, int], Search], ...] = (by_find, by_validation, by_default, by_sweep)


def _found(method: str, problem: Problem, seed: int, *, judged: bool) -> Search:
    task, model = problem.task(), problem.model(seed)
    x, y = task.validation

    @torch.no_grad()
    def validation_loss() -> float:
        return float(task.loss(model.eval()(x), y))

    began = time.process_time()
    answer = find(
        model,
        task.train,
        task.criterion,
        optimizer=problem.optimizer,
        batch_size=BATCH,
        evaluate=validation_loss if judged else None,
        steps=STEPS,
    )
    return _told(answer, Search(problem.name, seed, method, answer.lr, answer.steps, time.process_time() - began))


def _told(answer: Answer, search: Search) -> Search:
    said = answer.doubts if answer.reason is None else (answer.reason,)
    return replace(
        search,
        interval=answer.interval,
        confidence=answer.confidence,
        expected=None if answer.verdict is None else answer.verdict.share,
        note=", ".join(message.key for message in said) or None,
    )


def _short_run(problem: Problem, seed: int, lr: float) -> float:
    task, model = problem.task(), problem.model(seed)
    optimizer = problem.optimizer(model.parameters())
    for group in optimizer.param_groups:
        group["lr"] = lr
    losses = np.empty(SWEEP_STEPS)
    for step in range(SWEEP_STEPS):
        x, y = task.batch(seed, step, BATCH)
        optimizer.zero_grad()
        loss = task.loss(model(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses[step] = float(loss.detach())
        if not np.isfinite(losses[step]):
            return np.inf
    return float(losses[-SWEEP_STEPS // 4 :].mean())
