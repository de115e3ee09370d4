"""A step of every update rule on a stack, against its other implementation lane by lane.

The other one trains one run after the other, in the fastest of its variants (a loop over tensors, foreach, fused) and
with its weights in the cache, as a plain loop would. One thread on both sides, in the process's own time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from rivals import DUELS, Duel, Params, Stepping
from timing import interleaved, ratio
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from etude.tasks.builtin import ModelOptions, builtin_task
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.randomness import step_seed
from etude.training.rules.joint import joint

LANES = 16


@dataclass(frozen=True)
class Size:
    """A network, and what is asked of a stack of it."""

    name: str
    data: str
    hidden: int
    batch_size: int
    steps: int
    aim: float


SIZES = (
    Size("64-32-10, batch 32", "digits", 32, 32, 40, 3.0),
    Size("64-128-10, batch 64", "digits", 128, 64, 20, 1.0),
    Size("784-128-10, batch 128", "fashion-mnist", 128, 128, 8, 1.0),
)

Measure = Callable[[], float]
Make = Callable[[Params], Stepping]


def compare_rules(rounds: int) -> None:
    """Print one table: how many times as fast a stack is, for the update alone and for the whole training step."""
    torch.set_flush_denormal(True)
    print(f"{LANES} lanes against one after the other: times as fast (range of {rounds}); < misses its aim")
    heads = [f"{size.name} (aim {size.aim:g})" for size in SIZES]
    print(f"{'':20}" + "".join(f" | {head:^41}" for head in heads))
    print(f"{'':20}" + f" | {'update':>20} {'whole step':>20}" * len(SIZES))
    tasks = [builtin_task(size.data, ModelOptions("mlp", (size.hidden,))) for size in SIZES]
    for name, duel in DUELS.items():
        cells = ""
        for size, task in zip(SIZES, tasks, strict=True):
            cells += " | " + " ".join(
                _cell(part(duel, size, task), size.aim, rounds) for part in (updates, whole_steps)
            )
        print(f"{name:20}{cells}")
        sys.stdout.flush()


def _cell(measures: dict[str, Measure], aim: float, rounds: int) -> str:
    """The stack against the fastest of the others; the first round warms up and does not count."""
    taken = {name: seconds[1:] for name, seconds in interleaved(measures, rounds + 1).items()}
    stack = taken.pop("stack")
    middle, low, high = ratio(min(taken.values(), key=median), stack)
    return f"{'<' if middle < aim else ''}{middle:.1f} ({low:.1f}-{high:.1f})".rjust(20)


class Stack:
    """Lanes of one network under one rule, as the training loop holds them."""

    def __init__(self, duel: Duel, task: Task) -> None:
        named = task.init(0).named_parameters()
        self.params = {name: p.detach().expand(LANES, *p.shape).clone() for name, p in named}
        lrs = duel.lr * (1 + torch.arange(LANES) / LANES)
        self.rates = {name: lrs.view(-1, *[1] * (p.dim() - 1)) for name, p in self.params.items()}
        self.rule = joint(duel.rule)
        self.state = self.rule.init_all(self.params)
        self.step = 0

    def update(self, grads: dict[str, Tensor]) -> None:
        """Make one step."""
        with torch.no_grad():
            self.rule.update_all(self.params, grads, self.state, self.rates, self.step)
        self.step += 1


def updates(duel: Duel, size: Size, task: Task) -> dict[str, Measure]:
    """Seconds of the updates alone, on gradients that are made anew for each, which is not timed."""
    stack = Stack(duel, task)
    source = {name: 0.01 * torch.randn_like(p) for name, p in stack.params.items()}
    grads = {name: torch.empty_like(p) for name, p in source.items()}

    def on_lanes() -> float:
        seconds = 0.0
        for _ in range(size.steps):
            for name, grad in grads.items():
                grad.copy_(source[name])
            began = time.process_time()
            stack.update(grads)
            seconds += time.process_time() - began
        return seconds

    def alone(make: Make) -> Measure:
        params = list(task.init(0).parameters())
        optimizer = make(params)
        room = [torch.empty_like(p) for p in params]

        def measure() -> float:
            seconds = 0.0
            for _ in range(size.steps):
                for p, grad, values in zip(params, room, source.values(), strict=True):
                    p.grad = grad.copy_(values[0])
                began = time.process_time()
                optimizer.step()
                seconds += time.process_time() - began
            return LANES * seconds

        return measure

    return {"stack": on_lanes} | {name: alone(make) for name, make in duel.others()}


def whole_steps(duel: Duel, size: Size, task: Task) -> dict[str, Measure]:
    """Seconds of training steps: gradients, update and keeping the loss; batches are gathered beforehand for both."""
    stack = Stack(duel, task)
    gradients = make_gradients(task, 0, Engine.STACK)
    batches = [task.batch(0, t, size.batch_size) for t in range(size.steps)]

    def on_lanes() -> float:
        losses = []
        began = time.process_time()
        for x, y in batches:
            loss, grads = gradients(stack.params, {}, x, y, step_seed(0, stack.step))
            stack.update(grads)
            losses.append(loss)
        return time.process_time() - began

    def alone(make: Make) -> Measure:
        model = task.init(0)
        optimizer = make(list(model.parameters()))

        def measure() -> float:
            losses = torch.empty(size.steps)
            began = time.process_time()
            for t, (x, y) in enumerate(batches):
                model.zero_grad(set_to_none=True)
                loss = F.cross_entropy(model(x), y)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses[t] = loss.detach()
            return LANES * (time.process_time() - began)

        return measure

    return {"stack": on_lanes} | {name: alone(make) for name, make in duel.others()}
