"""What a monitor costs: the same training loop with and without it, in turns of a few steps, in one process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from jobs import J2
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from etude.integrations.monitor import Monitor

TURN, TURNS = 32, 8  # steps at a time, and how often each loop has its turn in a round
SETTLE = 200  # steps until the cadence has adapted


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
    """Print what the default measures cost, in process time, beyond the loop without them."""
    for loop in loops():
        with tempfile.TemporaryDirectory() as folder:
            taken, monitor = measured(loop, folder, rounds)
        ratios = [own / bare - 1 for bare, own in taken]
        step = median(bare for bare, _ in taken) / (TURN * TURNS)
        print(
            f"monitor, {loop.name}: {median(ratios):.1%} of a step of {1e3 * step:.1f} ms "
            f"({min(ratios):.1%}-{max(ratios):.1%}), layers every {monitor.every} steps  aim {loop.aim:.0%}"
        )


def measured(loop: Loop, folder: str, rounds: int) -> tuple[list[tuple[float, float]], Monitor]:
    """Process time without and with a monitor, round by round, and the monitor."""
    watched, bare = loop.model(), loop.model()
    optimizer = loop.optimizer(watched)
    with Monitor(watched, optimizer, f"{folder}/run") as monitor:
        with_monitor = loop.steps(monitor, watched, optimizer)
        without = loop.steps(None, bare, loop.optimizer(bare))
        with_monitor(SETTLE)
        taken = []
        for _ in range(rounds):
            seconds = [0.0, 0.0]
            for _ in range(TURNS):
                for i, run in enumerate((without, with_monitor)):
                    began = time.process_time()
                    run(TURN)
                    seconds[i] += time.process_time() - began
            taken.append((seconds[0], seconds[1]))
    return taken, monitor


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
