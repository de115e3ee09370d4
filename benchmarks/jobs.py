"""The jobs that are timed: the tuned loop that anyone would write, and the same runs on lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from timing import Job
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from etude.core.spec import RunSpec, TaskRef
from etude.execution.pool import run_jobs
from etude.schedules.constant import Constant
from etude.studies.shards import Moved, Shard, partition
from etude.tasks.builtin import ModelOptions, builtin_task
from etude.tasks.task import Task
from etude.training.engine import Engine, choose_engine, lanes_at_once, make_gradients
from etude.training.evaluate import CURVE_EXAMPLES, FINAL_EXAMPLES
from etude.training.gradients.looped import PORTION, channels_last
from etude.training.lanes import start_lanes
from etude.training.process import prepare_process
from etude.training.rules import SGD
from etude.training.train import train

WORKERS = 2


@dataclass(frozen=True)
class Case:
    """Runs that differ in their learning rate alone."""

    name: str
    data: str
    model: ModelOptions
    batch_size: int
    lanes: int
    steps: int

    def task(self) -> Task:
        """What is trained."""
        return builtin_task(self.data, self.model)

    @property
    def lrs(self) -> list[float]:
        """Learning rates, all of which train."""
        return [float(lr) for lr in np.geomspace(1e-4, 0.1, self.lanes)]

    def specs(self, task: Task) -> list[RunSpec]:
        """The runs."""
        return [
            RunSpec(
                task=TaskRef(task.name, ""),
                rule=SGD(momentum=0.9),
                schedule=Constant(self.steps),
                peak_lr=lr,
                steps=self.steps,
                batch_size=self.batch_size,
                seed=0,
                evaluate_every=self.steps,
            )
            for lr in self.lrs
        ]


J1 = Case("J1: MLP 784-128-10, batch 128, 32 lr", "fashion-mnist", ModelOptions("mlp", (128,)), 128, 32, 468)
J2 = Case("J2: CNN 16-32, batch 64, 8 lr", "fashion-mnist", ModelOptions("cnn"), 64, 8, 100)
J3 = Case("J3: GRU 64 over rows, batch 64, 8 lr", "fashion-mnist", ModelOptions("gru", (64,)), 64, 8, 150)
OTHERS = (
    Case("digits MLP 64-128-10, batch 64, 24 lr", "digits", ModelOptions("mlp", (128,)), 64, 24, 300),
    Case("digits MLP 64-32-10, batch 32, 24 lr", "digits", ModelOptions("mlp", (32,)), 32, 24, 300),
    Case("digits CNN + batch norm, batch 64, 8 lr", "digits", ModelOptions("cnn-bn"), 64, 8, 200),
    Case("digits GRU 64, batch 64, 8 lr", "digits", ModelOptions("gru", (64,)), 64, 8, 200),
)


@dataclass(frozen=True)
class Tuning:
    """How a loop is tuned: OpenMP threads, fused optimizer, images and weights with their channels last."""

    threads: int
    fused: bool
    channels_last: bool


def tunings(case: Case) -> list[Tuning]:
    """All that may help a case."""
    layouts = (False, True) if case.model.kind.startswith("cnn") else (False,)
    return [Tuning(threads, fused, last) for threads in (1, 2) for fused in (False, True) for last in layouts]


def tuned_loop(case: Case, task: Task, tuning: Tuning, *, judged: bool = False) -> Callable[[], Job]:
    """One run after the other with torch.optim.

    Batches are gathered beforehand, nothing is read back while it trains, and it evaluates before and after as lanes do;
    a run that is ``judged`` also on as many examples as a study takes the final losses from.
    """
    fused = tuning.fused

    def prepare() -> Job:
        def laid_out(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            return (channels_last(x), y) if tuning.channels_last else (x, y)

        torch.set_num_threads(tuning.threads)
        torch.set_flush_denormal(True)
        batches = [laid_out(*task.batch(0, t, case.batch_size)) for t in range(case.steps)]
        examples = [laid_out(*task.examples(split, CURVE_EXAMPLES)) for split in ("train", "validation")]
        final = [laid_out(*task.examples("train", FINAL_EXAMPLES)), laid_out(*task.examples("validation", None))]
        torch.optim.SGD(task.init(0).parameters(), 0.1, momentum=0.9, fused=fused)

        def job() -> None:
            for lr in case.lrs:
                model = task.init(0)
                if tuning.channels_last:
                    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9, fused=fused)
                losses = torch.empty(case.steps)
                evaluate(model, examples)
                for t, (x, y) in enumerate(batches):
                    optimizer.zero_grad(set_to_none=True)
                    loss = F.cross_entropy(model(x), y)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    losses[t] = loss.detach()
                evaluate(model, examples)
                if judged:
                    evaluate(model, final)

        def evaluate(model: nn.Module, examples: list[tuple[Tensor, Tensor]]) -> None:
            model.eval()
            with torch.no_grad():
                for x, y in examples:
                    out = torch.cat([model(part) for part in torch.split(x, PORTION)])
                    float(F.cross_entropy(out, y))
            model.train()

        return job

    return prepare


def lanes_in_a_pool(case: Case, task: Task) -> Callable[[], Job]:
    """The same runs as a study trains them: calibrated engine, shards, forked workers, evaluations at both ends."""
    specs = case.specs(task)
    with prepare_process():
        engine = choose_engine(task, specs[:8], Engine.AUTO).engine
    shards = partition(specs, engine, 16, lanes_at_once(task, 0, engine))

    def work(shard: Shard, _should_stop: Callable[[], bool]) -> Iterator[Moved]:
        with prepare_process():
            gradients = make_gradients(task, 0, engine)
            for progress in train(start_lanes(shard.specs, task), gradients, task):
                yield Moved(progress.lane_steps, progress.alive, progress.left)

    def prepare() -> Job:
        torch.set_num_threads(1)

        def job() -> None:
            for _ in run_jobs(work, shards, WORKERS):
                pass

        return job

    return prepare


def sgemm(rows: int, inner: int, columns: int, repeats: int, threads: int) -> Callable[[], Job]:
    """Matrix products and nothing else."""

    def prepare() -> Job:
        torch.set_num_threads(threads)
        a, b, out = torch.rand(rows, inner), torch.rand(inner, columns), torch.empty(rows, columns)

        def job() -> None:
            for _ in range(repeats):
                torch.mm(a, b, out=out)

        job()
        return job

    return prepare
