"""What it is worth that the finder's runs go through the planned schedule.

For each task and schedule: the truth is a dense sweep of the peak with that schedule, 400 steps, final validation loss. Two
searches name a peak for it: one told of the schedule, one not, which measures at constant learning rates. Regret is the share
of the attainable range, from the loss before training to the best one, that a named peak loses.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import SGD, Adam

from etude.integrations.finder.find import find
from etude.studies.study import Study
from etude.tasks.builtin import Kind, ModelOptions, builtin_task

Array = NDArray[np.float64]
STEPS = 400
TASKS: tuple[tuple[str, Kind, str], ...] = (
    ("digits", "mlp", "sgd"),
    ("digits", "mlp", "adam"),
    ("fashion-mnist", "mlp", "sgd"),
    ("fashion-mnist", "mlp", "adam"),
)
SCHEDULES = ("warmup(10%) > cosine", "linear")
GRIDS = {"sgd": "3e-3:3:13", "adam": "1e-4:0.1:13"}
OPTIMIZERS: dict[str, Any] = {"sgd": partial(SGD, lr=0.1, momentum=0.9), "adam": Adam}


@dataclass(frozen=True)
class Truth:
    """Mean final validation loss (L,) at peaks (L,), capped at the loss before training; a diverged run counts as that."""

    lrs: Array
    losses: Array
    start: float

    @property
    def best(self) -> float:
        """Peak of the smallest loss."""
        return float(self.lrs[np.argmin(self.losses)])

    def regret(self, lr: float) -> float:
        """Share of the attainable range that is lost at a peak."""
        at = float(np.interp(np.log(lr), np.log(self.lrs), self.losses))
        return (at - float(self.losses.min())) / (self.start - float(self.losses.min()))


def truth_of(data: str, model: Kind, rule: str, schedule: str, folder: Path, seeds: int) -> Truth:
    """Dense sweep of the peak, stored in a study that later calls read again."""
    out = folder / "-".join((data, model, rule, schedule.split("(")[0]))
    study = Study("generalization", data=data, model=model, optimizer=rule, lr=GRIDS[rule], seeds=seeds, steps=STEPS,
                  schedule=schedule, out=out)  # fmt: skip
    table = study.run(workers=1, keep_weights=False).stored.table.balanced()
    start = float(table.baseline("validation_loss").mean())
    return Truth(table.lrs, table.result("validation_loss").mean(axis=1), start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="searches of each kind, and runs per peak of the truth")
    parser.add_argument("--folder", type=Path, default=Path("etude-studies/planned-truth"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    regrets: dict[bool, list[float]] = {True: [], False: []}
    for (data, model, rule), schedule in product(TASKS, SCHEDULES):
        task = builtin_task(data, ModelOptions(model))
        truth = truth_of(data, model, rule, schedule, given.folder, given.seeds)
        for told, seed in product((True, False), range(100, 100 + given.seeds)):  # not the seeds of the truth
            torch.manual_seed(seed)
            answer = find(task.init(seed), task.train, task.criterion, optimizer=OPTIMIZERS[rule], steps=STEPS,
                          schedule=schedule if told else None)  # fmt: skip
            print(f"{data} {model} {rule}, {schedule}, told={told}: best {truth.best:.2g}, ", end="")
            if answer.lr is None or answer.interval is None:
                print(f"refused: {answer.reason and answer.reason.key}", flush=True)
                continue
            regrets[told].append(100 * truth.regret(answer.lr))
            low, high = answer.interval
            print(f"named {answer.lr:.2g} in [{low:.2g}, {high:.2g}], regret {regrets[told][-1]:.2f} %", flush=True)
    for told, found in regrets.items():
        kind = "told of the schedule" if told else "not told"
        print(f"{kind}: mean {np.mean(found):.2f} %, largest {np.max(found):.2f} %, {len(found)} answers")


if __name__ == "__main__":
    main()
