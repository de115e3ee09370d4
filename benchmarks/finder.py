"""How good the finder's learning rates are, against the truth of dense sweeps.

For each task: the truth is the mean final validation loss over seeds on a dense grid of learning rates, trained for the whole
horizon. Each method names a learning rate per seed, from at most 1000 training steps; its regret is what the truth's curve
loses there against its minimum, as a share of the attainable range (loss at the start − minimum). Constants of the finder were
chosen on the tasks marked ``tune``; the others were not looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import SGD, Adam, Optimizer

from etude.analysis.finder.ramp import has_exploded
from etude.analysis.finder.runs import ShortRun
from etude.integrations.finder.find import find
from etude.integrations.finder.simple import make_step
from etude.integrations.finder.stage import Stage
from etude.studies.study import Study
from etude.tasks.builtin import Kind, ModelOptions, builtin_task
from etude.tasks.task import Task

Array = NDArray[np.float64]
HORIZON, BATCH = 400, 64


@dataclass(frozen=True)
class Case:
    """A task with an optimizer."""

    data: str
    model: Kind
    rule: str
    tune: bool

    @property
    def name(self) -> str:
        """Shown in tables."""
        return f"{self.data} {self.model} {self.rule}"

    def task(self) -> Task:
        """What is trained."""
        return builtin_task(self.data, ModelOptions(self.model))

    def optimizer(self) -> Callable[..., Optimizer]:
        """The same update as the truth's runs make."""
        return (lambda p: SGD(p, lr=0.1, momentum=0.9)) if self.rule == "sgd" else (lambda p: Adam(p))

    @property
    def default(self) -> float:
        """What one would take without looking."""
        return 1e-2 if self.rule == "sgd" else 1e-3


CASES = (
    Case("digits", "mlp", "sgd", tune=True),
    Case("digits", "cnn", "adam", tune=True),
    Case("fashion-mnist", "mlp", "adam", tune=True),
    Case("digits", "mlp", "adam", tune=False),
    Case("digits", "cnn-bn", "sgd", tune=False),
    Case("digits", "gru", "adam", tune=False),
    Case("fashion-mnist", "mlp", "sgd", tune=False),
)


@dataclass(frozen=True)
class Truth:
    """Mean validation loss (L,) at learning rates (L,); infinite where a seed diverged. ``start``: before training."""

    lrs: Array
    losses: Array
    start: float

    @property
    def best(self) -> float:
        """Learning rate at the smallest loss."""
        return float(self.lrs[np.argmin(self.losses)])

    def regret(self, lr: float) -> float:
        """Share of the attainable range that is lost at a learning rate; 1 is what not training gives, and the most."""
        ceiling = self.start
        values = np.minimum(np.where(np.isfinite(self.losses), self.losses, ceiling), ceiling)
        at = float(np.interp(np.log(lr), np.log(self.lrs), values))
        return (at - float(values.min())) / (ceiling - float(values.min()))


def truth_of(case: Case, folder: Path, seeds: int) -> Truth:
    """Dense sweep, stored in a study that later calls read again."""
    lr = "1e-3:3:22" if case.rule == "sgd" else "1e-5:0.3:28"
    out = folder / case.name.replace(" ", "-")
    study = Study(
        "generalization",
        data=case.data,
        model=case.model,
        optimizer=case.rule,
        lr=lr,
        seeds=seeds,
        steps=HORIZON,
        out=out,
    )
    table = study.run(workers=1, keep_weights=False).stored.table.balanced()
    losses = table.result("validation_loss").mean(axis=1)
    losses = np.where(table.diverged.any(axis=1), np.inf, losses)
    return Truth(table.lrs, losses, float(np.nanmean(table.baseline("validation_loss"))))


def suggestions(case: Case, task: Task, seed: int) -> tuple[dict[str, float | None], dict[str, object]]:
    """A learning rate by each method, from one initialization; and the finder's own account."""
    torch.manual_seed(seed)
    model = task.init(seed)
    answer = find(model, task.train, task.criterion, optimizer=case.optimizer(), batch_size=BATCH, steps=HORIZON)
    account = json.loads(answer.json()) | {
        "best_of_short_runs": answer.search.best.lr if answer.search.best else None,
        "width": answer.search.best and [answer.search.best.low, answer.search.best.high],
    }
    rules: dict[str, float | None] = {"étude": answer.lr, "default": case.default, **answer.classical}
    rules["8 × 100 steps"] = coarse_sweep(case, task, seed)
    return rules, account


def coarse_sweep(case: Case, task: Task, seed: int) -> float:
    """Eight learning rates for 100 steps each, the one with the smallest loss at the end."""
    torch.manual_seed(seed)
    model = task.init(seed)
    made = make_step(model, task.train, task.criterion, case.optimizer(), BATCH)
    stage = Stage([model], made.optimizers, made.step, made.data)
    runs = []
    with stage.open():
        for lr in np.geomspace(1e-4, 1, 8):
            losses, _ = stage.run(np.full(100, lr), 0, lambda seen: has_exploded(seen, float(seen[0]), 0.0))
            runs.append(ShortRun(float(lr), 0, 100, losses))
    return min(runs, key=lambda run: run.value).lr


def rows(folder: Path, seeds: int, truth_seeds: int, cases: tuple[Case, ...]) -> Iterator[dict[str, object]]:
    """One row per case and seed."""
    for case in cases:
        truth, task = truth_of(case, folder, truth_seeds), case.task()
        for seed in range(100, 100 + seeds):  # not the seeds of the truth
            rules, account = suggestions(case, task, seed)
            interval = account["interval"]
            yield {
                "case": case.name,
                "tune": case.tune,
                "best": truth.best,
                "lr": rules,
                "regret": {name: None if lr is None else truth.regret(lr) for name, lr in rules.items()},
                "covered": interval and bool(interval[0] <= truth.best <= interval[1]),  # type: ignore[index]
                "account": account,
            }


def report(found: list[dict[str, object]]) -> None:
    """Print regrets by method, for the tasks that the constants were chosen on and for the others."""
    for tune in (True, False):
        part = [row for row in found if row["tune"] == tune]
        if not part:
            continue
        print(
            f"\n{'tasks for tuning' if tune else 'held-out tasks'}: {len(part)} answers; regret in % of the attainable range"
        )
        names = sorted({name for row in part for name in row["regret"]})  # type: ignore[attr-defined]
        for name in names:
            regrets = [row["regret"].get(name) for row in part]  # type: ignore[attr-defined]
            known = np.array([r for r in regrets if r is not None])
            away = [abs(np.log10(row["lr"][name] / row["best"])) for row in part if row["lr"].get(name)]  # type: ignore
            print(
                f"  {name:14} mean {100 * known.mean():6.1f}  max {100 * known.max():6.1f}  "
                f"decades away {np.mean(away):.2f}  refused {len(regrets) - len(known)}"
            )
        covered = [row["covered"] for row in part if row["covered"] is not None]
        steps = [row["account"]["steps"] for row in part]  # type: ignore[index]
        print(
            f"  interval covers the best in {sum(map(bool, covered))} of {len(covered)}; steps {min(steps)}-{max(steps)}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="searches per task")
    parser.add_argument("--truth-seeds", type=int, default=3, help="runs per learning rate of the truth")
    parser.add_argument("--folder", type=Path, default=Path("etude-studies/finder-truth"))
    parser.add_argument("--json", type=Path, help="write every row into this file")
    parser.add_argument("--only", choices=("tune", "held-out"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    cases = tuple(c for c in CASES if given.only is None or c.tune == (given.only == "tune"))
    found = []
    for row in rows(given.folder, given.seeds, given.truth_seeds, cases):
        found.append(row)
        shown = {name: lr and float(f"{lr:.2g}") for name, lr in row["lr"].items()}  # type: ignore[attr-defined]
        print(f"{row['case']:24} best {row['best']:.2g}  interval {row['account']['interval']}  {shown}", flush=True)  # type: ignore[index]
        if given.json:
            given.json.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    report(found)


if __name__ == "__main__":
    main()
