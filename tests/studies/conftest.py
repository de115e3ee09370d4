"""Tiny studies, commands run in forks of this process (torch need not be imported again), and what a study holds."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load
from torch import nn

from etude.core.record import to_plain
from etude.storage.reader import StudyReader
from etude.tasks.task import Task


@pytest.fixture(scope="session")
def small_task() -> Task:
    """Three classes of points, learned by a handful of units: races over it take seconds."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 6, generator=generator)
    y = (x[:, 0] > 0.4).long() + (x[:, 1] > 0).long()

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

    return Task("points", model, (x[:72], y[:72]), (x[72:], y[72:]))


@pytest.fixture(autouse=True, scope="session")
def few_evaluations():
    """Studies of this room evaluate less often than real ones: half of their time would go there, and nothing rests on it."""
    from etude.studies import bases

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bases, "EVALUATIONS", 11)
        yield


TINY = {"lr": "0.01:1:4", "seeds": 2, "steps": 40, "batch_size": 32}
TINY_FLAGS = ("--lr", "0.01:1:4", "--seeds", "2", "--steps", "40", "--batch-size", "32")


@dataclass
class Contents:
    """What a study says: for every run its outcome and arrays, the findings, every final weight."""

    traces: dict[str, Any] = field(default_factory=dict)
    findings: list[Any] = field(default_factory=list)
    weights: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Contents":
        with StudyReader.open(folder) as reader:
            return cls(
                {h: _bytes_of_trace(t) for h, t in reader.traces().items()},
                [to_plain(f) for f in reader.findings()],
                {k: {n: _exact(a) for n, a in load(reader.weights(k)).items()} for k in reader.weights_keys()},
            )

    def includes(self, earlier: "Contents") -> bool:
        """Whether nothing of an earlier state was lost or altered."""
        return earlier.traces.items() <= self.traces.items() and earlier.weights.items() <= self.weights.items()


def _exact(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return str(array.dtype), array.shape, array.tobytes()


def _bytes_of_trace(trace: Any) -> Any:
    columns = {
        f"{kind}/{n}": _exact(a) for kind in ("per_step", "evaluations") for n, a in getattr(trace, kind).items()
    }
    return trace.outcome, columns, {n: np.float64(v).tobytes() for n, v in trace.final.items()}


@dataclass
class Command:
    """``etude …`` in a process group of its own, its streams in files."""

    process: Any
    streams: Path

    @property
    def group(self) -> int:
        return int(self.process.pid)

    def wait(self, seconds: float = 120) -> int:
        self.process.join(seconds)
        assert self.process.exitcode is not None, "the command hangs"
        return int(self.process.exitcode)

    @property
    def out(self) -> str:
        return self.streams.with_suffix(".out").read_text()

    @property
    def err(self) -> str:
        return self.streams.with_suffix(".err").read_text()

    def kill(self) -> None:
        """SIGKILL, to the command and its workers if any are left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self.process.join()


def _serve(words: tuple[str, ...], streams: Path, before: Callable[[], None]) -> None:
    os.setpgid(0, 0)
    for descriptor, suffix in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(streams.with_suffix(suffix), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    sys.argv = ["etude", *words]
    before()
    from etude.cli import main

    main()


@pytest.fixture
def start(tmp_path):
    """Start ``etude`` with these words in a fork; ``before`` runs in it first. All are killed when the test ends."""
    started: list[Command] = []

    def begin(*words: str, before: Callable[[], None] = lambda: None) -> Command:
        streams = tmp_path / f"command-{len(started)}"
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_serve, args=(words, streams, before))
        process.start()
        command = Command(process, streams)
        started.append(command)
        deadline = time.monotonic() + 60
        while not streams.with_suffix(".err").exists() and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        return command

    yield begin
    for command in started:
        command.kill()


def _slow_down(seconds: float) -> None:
    from etude.studies import shards

    shards.CHECKPOINT_SECONDS = 0
    train = shards.train

    def slowly(*arguments: Any) -> Any:
        for progress in train(*arguments):
            yield progress
            time.sleep(seconds)

    shards.train = slowly


@pytest.fixture(scope="session")
def slow():
    """What makes a command store a checkpoint after every chunk of steps and sleep, so that a signal falls in the middle.

    A study has some ten chunks: take seconds enough that it cannot be over before a busy machine sends the signal.
    """
    return lambda seconds=0.5: partial(_slow_down, seconds)


@pytest.fixture(scope="session")
def wait_until_training():
    """Wait until a study has stored a checkpoint, so that its workers are in the middle of their stacks."""

    def wait(folder: Path, pattern: str = "checkpoints/*.safetensors") -> None:
        deadline = time.monotonic() + 60
        while not list(folder.glob(pattern)):
            assert time.monotonic() < deadline, "training did not begin"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a tiny finished study of digits; not to be altered."""
    import etude

    folder = tmp_path_factory.mktemp("finished") / "study"
    etude.Study("convergence", out=folder, **TINY).run(workers=0)
    return folder


@pytest.fixture(scope="session")
def contents():
    """What the study in a folder holds."""
    return Contents.of


@pytest.fixture(scope="session")
def tiny():
    """Options of a study of a second."""
    return dict(TINY)


@pytest.fixture(scope="session")
def tiny_flags():
    """The same on the command line."""
    return TINY_FLAGS
