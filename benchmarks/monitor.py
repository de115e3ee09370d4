"""What a monitor costs: the same training loop with and without it, in turns of a few steps, in one process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from statistics import median

import torch
from jobs import J2
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from etude.integrations.monitor import Monitor

TURN, TURNS = 16, 16  # steps at a time, and how often each loop has its turn in a round
SETTLE = 1000  # steps until the cadences have adapted, and what the first readings take on credit is spent

Seconds = tuple[float, float]  # of this thread, and on the wall


@dataclass(frozen=True)
class Loop:
    """A training loop that anyone would write, and what its monitor may cost."""

    name: str
    aim: float
    model: Callable[[], nn.Module]
    batches: Callable[[], list[tuple[Tensor, Tensor]]]
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]

    def steps(
        self, monitor: Monitor | None, model: nn.Module, optimizer: torch.optim.Optimizer
    ) -> Callable[[int], None]:
        """A function that makes that many steps."""
        batches = self.batches()

        def run(count: int) -> None:
            for t in range(count):
                x, y = batches[t % len(batches)]
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                if monitor is not None:
                    monitor.step(loss)

        return run


def loops() -> tuple[Loop, ...]:
    """The two trainings that the promise is about, the second with a rule whose update has to be copied too."""
    return (
        Loop("J2: CNN 16-32, batch 64, SGD with momentum", 0.02, _cnn, _images, _sgd),
        Loop("MLP of 10 layers, width 256, batch 128, SGD with momentum", 0.04, _mlp, _vectors, _sgd),
        Loop("MLP of 10 layers, width 256, batch 128, Adam", 0.04, _mlp, _vectors, _adam),
    )


def compare_monitor(rounds: int) -> None:
    """Print what the default measures cost beyond the loop without them, in time of this thread and on the wall."""
    for loop in loops():
        with tempfile.TemporaryDirectory() as folder:
            taken, monitor = measured(loop, folder, rounds)
        thread, wall = ([own[i] / bare[i] - 1 for bare, own in taken] for i in range(2))
        step = median(bare[0] for bare, _ in taken) / (TURN * TURNS)
        print(
            f"monitor, {loop.name}: {_with_interval(thread)} of a step of {1e3 * step:.1f} ms, "
            f"wall {_with_interval(wall)}; layers every {monitor.every} steps  aim {loop.aim:.0%}"
        )


def measured(loop: Loop, folder: str, rounds: int) -> tuple[list[tuple[Seconds, Seconds]], Monitor]:
    """Seconds without and with a monitor, round by round, and the monitor."""
    watched, bare = loop.model(), loop.model()
    optimizer = loop.optimizer(watched)
    with Monitor(watched, optimizer, f"{folder}/run") as monitor:
        with_monitor = loop.steps(monitor, watched, optimizer)
        without = loop.steps(None, bare, loop.optimizer(bare))
        with_monitor(SETTLE)
        taken = []
        for _ in range(rounds):
            seconds = [[0.0, 0.0], [0.0, 0.0]]
            for turn in range(TURNS):
                for i in (0, 1) if turn % 2 else (1, 0):
                    began = time.thread_time(), time.perf_counter()
                    (without, with_monitor)[i](TURN)
                    seconds[i][0] += time.thread_time() - began[0]
                    seconds[i][1] += time.perf_counter() - began[1]
            taken.append(((seconds[0][0], seconds[0][1]), (seconds[1][0], seconds[1][1])))
    return taken, monitor


def interval_of_median(values: list[float]) -> tuple[float, float]:
    """The narrowest two of the sorted values that hold the median at 95 %, or the outermost from fewer than six."""
    ordered, count = sorted(values), len(values)
    cut = 0
    while 2 * sum(comb(count, i) for i in range(cut + 2)) / 2**count <= 0.05:
        cut += 1
    return ordered[cut], ordered[-1 - cut]


def _with_interval(values: list[float]) -> str:
    low, high = interval_of_median(values)
    return f"{median(values):.1%} ({low:.1%} to {high:.1%})"


def _cnn() -> nn.Module:
    torch.manual_seed(0)
    return J2.task().init(0)


def _images() -> list[tuple[Tensor, Tensor]]:
    task = J2.task()
    return [task.batch(0, t, J2.batch_size) for t in range(8)]


def _mlp() -> nn.Module:
    torch.manual_seed(0)
    hidden = [part for _ in range(8) for part in (nn.Linear(256, 256), nn.ReLU())]
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), *hidden, nn.Linear(256, 10))


def _vectors() -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    return [(torch.randn(128, 784), torch.randint(0, 10, (128,))) for _ in range(8)]


def _sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)


def _adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), 1e-3)
