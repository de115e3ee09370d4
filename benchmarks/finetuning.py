"""What the finder loses where a trained network goes on with few examples, and which judge it needs there.

A small net has learned the digits 0 to 4 and goes on with 5 to 9 for 150 steps, with a new head or the old one, with all
examples or 100 of them. The truth is the final validation loss at 13 learning rates, three seeds each; regret is the share of
the attainable range that is lost where a search says. Last comes the tuning problem of the scoreboard that is fine-tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from finding import problems as board
from finding.truth import load
from numpy.typing import NDArray
from torch import Tensor, nn, optim
from torch.nn import functional

import etude
from etude.integrations.finder.answer import Answer
from etude.tasks.builtin import builtin_task

Pair = tuple[Tensor, Tensor]
Array = NDArray[np.float64]
STEPS, BATCH = 150, 32
WHOLE = 14  # times the steps: the budget with which runs are as long as the training
SEEDS = (100, 101)
OPTIMIZERS: dict[str, Any] = {"SGD": partial(optim.SGD, lr=0.01, momentum=0.9), "Adam": optim.Adam}
GRIDS = {"SGD": np.geomspace(1e-3, 1, 13), "Adam": np.geomspace(1e-4, 0.1, 13)}
DEFAULTS = {"SGD": 0.01, "Adam": 0.001}


@dataclass(frozen=True, eq=False)
class Case:
    """A net to go on from, with what and by which optimizer."""

    net: nn.Module
    new_head: bool
    rule: str
    data: Pair
    held_out: Pair

    def start(self, seed: int) -> nn.Module:
        """A copy of the net; a new head depends on the seed."""
        torch.manual_seed(seed)
        net = make_net()
        weights = {
            name: w for name, w in self.net.state_dict().items() if not (self.new_head and name.startswith("2."))
        }
        net.load_state_dict(weights, strict=False)
        return net

    def trained(self, lr: float, seed: int) -> nn.Module:
        """The net after all steps."""
        return train(self.start(seed), self.data, OPTIMIZERS[self.rule], lr, STEPS)

    def truth(self) -> tuple[Array, float]:
        """Mean loss at the grid (L,), capped at that before training, and that before training."""
        begin = float(np.mean([loss(self.start(seed), self.held_out) for seed in range(3)]))
        losses = [[loss(self.trained(float(lr), seed), self.held_out) for seed in range(3)] for lr in GRIDS[self.rule]]
        return np.minimum(np.nan_to_num(losses, nan=np.inf), begin).mean(axis=1), begin

    def find(self, seed: int, *, judged: bool, budget: int) -> Answer:
        """A search."""
        net = self.start(seed)
        judge = partial(loss, net, self.held_out) if judged else None
        return etude.find(net, self.data, functional.cross_entropy, optimizer=OPTIMIZERS[self.rule], batch_size=BATCH,
                          evaluate=judge, steps=STEPS, budget=budget)  # fmt: skip


def make_net() -> nn.Module:
    """Two layers."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def train(net: nn.Module, pair: Pair, make_optimizer: Any, lr: float, steps: int) -> nn.Module:
    """Train with batches that torch's generator draws."""
    optimizer = make_optimizer(net.parameters(), lr=lr)
    for _ in range(steps):
        rows = torch.randint(len(pair[1]), (BATCH,))
        optimizer.zero_grad()
        functional.cross_entropy(net(pair[0][rows]), pair[1][rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net


@torch.no_grad()
def loss(net: nn.Module, pair: Pair) -> float:
    """Mean loss."""
    return float(functional.cross_entropy(net(pair[0]), pair[1]))


def classes(pair: Pair, *, old: bool) -> Pair:
    """The digits 0 to 4, or 5 to 9."""
    rows = (pair[1] < 5) == old
    return pair[0][rows].flatten(1).float(), pair[1][rows]


def told(answers: Sequence[Answer], regret: Any, best: float) -> str:
    """Regrets, confidences, and how many intervals hold the best."""
    given = [(a.lr, a.interval, a.confidence) for a in answers if a.lr is not None and a.interval is not None]
    lost = ", ".join(f"{regret(lr):.1f} {confidence}" for lr, _, confidence in given)
    held = sum(low <= best <= high for _, (low, high), _ in given)
    return f"{lost} ({held} of {len(answers)} hold the best)"


def study(case: Case, name: str, old: Pair) -> None:
    """Print what searches lose, and what the old classes lose."""
    losses, begin = case.truth()
    grid, least = GRIDS[case.rule], float(losses.min())
    best = float(grid[losses.argmin()])

    def regret(lr: float) -> float:
        at = float(np.interp(np.log(lr), np.log(grid), losses))
        return 100 * (at - least) / (begin - least)

    print(f"{name}, {case.rule}, {len(case.data[1])} examples: loss {begin:.2g} to {least:.2g} at η = {best:.2g}")
    for judged, budget in ((False, 1000), (True, 1000), (True, WHOLE * STEPS)):
        answers = [case.find(seed, judged=judged, budget=budget) for seed in SEEDS]
        print(
            f"    by {'validation' if judged else 'training'} loss, budget {budget}: {told(answers, regret, best)}",
            flush=True,
        )
    print(f"    {DEFAULTS[case.rule]}: {regret(DEFAULTS[case.rule]):.1f}")
    if not case.new_head:
        kept = [loss(net, old) for net in (case.net, case.trained(best, 0), case.trained(best / 10, 0))]
        print("    loss on the old classes: {:.2g} before, {:.2g} after, {:.2g} at a tenth of that η".format(*kept))


def scoreboard() -> None:
    """Print what the scoreboard's own problem loses with runs as long as the training."""
    problem = next(p for p in board.problems() if p.name == "fine-tuned-cnn-adam")
    task, truth = problem.task(), load(problem)
    for judged, budget in product((False, True), (1000, WHOLE * board.STEPS)):
        answers = []
        for seed in SEEDS:
            net = problem.model(seed)
            judge = partial(loss, net, task.validation) if judged else None
            answers.append(etude.find(net, task.train, task.criterion, optimizer=problem.optimizer, batch_size=board.BATCH,
                                      evaluate=judge, steps=board.STEPS, budget=budget))  # fmt: skip
        lost = told(answers, lambda lr: 100 * truth.regret(lr), truth.best)
        print(f"{problem.name}, by {'validation' if judged else 'training'} loss, budget {budget}: {lost}", flush=True)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    digits = builtin_task("digits")
    torch.manual_seed(0)
    learned = train(make_net(), classes(digits.train, old=True), OPTIMIZERS["SGD"], 0.1, 500)
    data, held_out = classes(digits.train, old=False), classes(digits.validation, old=False)
    old = classes(digits.validation, old=True)
    for new_head, count, rule in product((True, False), (len(data[1]), 100), OPTIMIZERS):
        few = (data[0][:count], data[1][:count])
        study(Case(learned, new_head, rule, few, held_out), "new head" if new_head else "old head", old)
    scoreboard()


if __name__ == "__main__":
    main()
