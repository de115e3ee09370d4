"""The truth of a problem: what training at each learning rate really gives, stored in a small file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Array, Trace
from etude.schedules import Constant
from etude.tasks.task import Task
from etude.training.engine import Engine, choose_engine, make_gradients
from etude.training.finish import finish
from etude.training.lanes import start_lanes
from etude.training.process import prepare_process
from etude.training.train import train
from finding.problems import BATCH, STEPS, Problem

FOLDER = Path(__file__).parent / "truth"
SEEDS = range(5)
_RESAMPLED = 1000
_AS_GOOD = 0.01


@final
@dataclass(frozen=True, eq=False)
class Truth:
    """Final validation results at L learning rates for S seeds.

    Attributes:
        lrs: Learning rates (L,), ascending.
        start: Validation loss before training (S,).
        chance: Validation accuracy before training (S,), or ``None``.
        losses: Final validation loss (L, S); that of a run that diverged, or ended above its start, is its start.
        accuracies: Final validation accuracy (L, S), for runs that diverged that before training; or ``None``.
        diverged: Which runs diverged (L, S).
    """

    lrs: Array
    start: Array
    chance: Array | None
    losses: Array
    accuracies: Array | None
    diverged: NDArray[np.bool_]

    @cached_property
    def curve(self) -> Array:
        """Regret of the mean loss at ``lrs`` (L,): 0 at the best, 1 where nothing is learned."""
        mean, start = self.losses.mean(axis=1), float(self.start.mean())
        return np.asarray((mean - mean.min()) / (start - mean.min()))

    @property
    def best(self) -> float:
        """Learning rate of the least mean loss, by a parabola through its neighbours in log η."""
        return float(np.exp(lowest(np.log(self.lrs), self.losses.mean(axis=1))))

    @cached_property
    def uncertain(self) -> tuple[float, float]:
        """Where ``best`` lies for 95 % of the samples that one could draw of these seeds."""
        generator, seeds = np.random.default_rng(0), self.losses.shape[1]
        drawn = generator.integers(seeds, size=(_RESAMPLED, seeds))
        lows = [lowest(np.log(self.lrs), self.losses[:, rows].mean(axis=1)) for rows in drawn]
        low, high = np.exp(np.quantile(lows, [0.025, 0.975]))
        return float(low), float(high)

    @property
    def basin(self) -> tuple[float, float]:
        """First and last learning rate of the grid that give away at most 1 % of the attainable range."""
        good = self.lrs[self.curve <= _AS_GOOD]
        return float(good[0]), float(good[-1])

    def regret(self, lr: float) -> float:
        """Share of the attainable range that η loses; three decades below the grid nothing is learned, nor above it."""
        return float(np.interp(np.log(lr), *self._padded(self.curve, 1.0, self.curve[-1])))

    def points(self, lr: float) -> float | None:
        """Percentage points of accuracy that η loses against the η of the least mean loss."""
        if self.accuracies is None or self.chance is None:
            return None
        mean, chance = self.accuracies.mean(axis=1), float(self.chance.mean())
        there = float(np.interp(np.log(lr), *self._padded(mean, chance, mean[-1])))
        return 100 * (float(mean[np.argmin(self.curve)]) - there)

    def _padded(self, values: Array, below: float, above: float) -> tuple[Array, Array]:
        x = np.log(self.lrs)
        return np.array([x[0] - 3 * np.log(10), *x, x[-1] + 1]), np.array([below, *values, above])


def load(problem: Problem, folder: Path = FOLDER) -> Truth:
    """The stored truth of a problem."""
    told = json.loads((folder / f"{problem.name}.json").read_text())
    start, losses = np.array(told["start_loss"]), _table(told["rows"], "loss")
    diverged = _table(told["rows"], "diverged").astype(bool)
    kept = np.where(diverged | ~np.isfinite(losses), start, np.minimum(losses, start))
    chance = np.array(told["start_accuracy"]) if "start_accuracy" in told else None
    right = None if chance is None else np.where(diverged, chance, _table(told["rows"], "accuracy"))
    return Truth(np.array([row["lr"] for row in told["rows"]]), start, chance, kept, right, diverged)


def measure(problem: Problem) -> dict[str, object]:
    """Train every learning rate with every seed; what ``store`` writes."""
    task = problem.task()
    engine = choose_engine(task, _specs(problem, task, 0), Engine.AUTO).engine
    columns = [_train(_specs(problem, task, seed), task, engine) for seed in SEEDS]
    first = [traces[0].evaluations for traces in columns]
    told: dict[str, object] = {"start_loss": [_short(e["validation_loss"][0]) for e in first]}
    if "validation_accuracy" in first[0]:
        told["start_accuracy"] = [_short(e["validation_accuracy"][0]) for e in first]
    told["rows"] = [_row(float(lr), [traces[i] for traces in columns]) for i, lr in enumerate(problem.lrs)]
    return told


def store(told: dict[str, object], path: Path) -> None:
    """Write a truth, one learning rate a line."""
    rows = told["rows"]
    assert isinstance(rows, list)
    head = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in told.items() if name != "rows"]
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    path.parent.mkdir(exist_ok=True)
    path.write_text("{" + ",\n ".join(head) + ',\n "rows": [\n  ' + lines + "\n]}\n")


def _specs(problem: Problem, task: Task, seed: int) -> list[RunSpec]:
    """One run for each learning rate; evaluated before and after, since the end is all that counts."""
    ref, schedule = TaskRef(task.name, ""), Constant(STEPS)
    return [
        RunSpec(ref, problem.rule, schedule, float(lr), STEPS, BATCH, seed, evaluate_every=STEPS) for lr in problem.lrs
    ]


def _train(specs: list[RunSpec], task: Task, engine: Engine) -> list[Trace]:
    with prepare_process():
        gradients = make_gradients(task, specs[0].seed, engine)
        lanes = start_lanes(specs, task)
        for _ in train(lanes, gradients, task):
            pass
        return list(finish(lanes, gradients, task))


def _row(lr: float, traces: list[Trace]) -> dict[str, object]:
    row: dict[str, object] = {"lr": lr}
    for name in ("loss", "accuracy"):
        column = f"validation_{name}"
        if column in traces[0].evaluations:
            row[name] = [_short(trace.final.get(column, np.nan)) for trace in traces]
    return row | {"diverged": [int(trace.outcome.diverged) for trace in traces]}


def _short(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _table(rows: list[dict[str, list[float | None]]], name: str) -> Array:
    return np.array([[np.nan if value is None else value for value in row[name]] for row in rows], dtype=np.float64)


def lowest(x: Array, values: Array) -> float:
    """Place of the lowest value, by the parabola through it and its neighbours."""
    i = int(np.argmin(values))
    if not 0 < i < len(x) - 1:
        return float(x[i])
    left, right = np.diff(values[i - 1 : i + 2]) / np.diff(x[i - 1 : i + 2])
    if right <= left:
        return float(x[i])
    return float((x[i - 1] + x[i]) / 2 - left * (x[i + 1] - x[i - 1]) / (2 * (right - left)))
