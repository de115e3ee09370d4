"""A small study with something of everything, and how to tell whether two studies say the same."""

import shutil
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from etude.core.finding import Finding, Verdict
from etude.core.message import Message
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Ending, Outcome, Trace
from etude.storage.blobs import trace_row
from etude.storage.writer import StudyWriter

SPEC = {"study": "convergence", "seeds": 3, "lr": [0.01, 0.1], "data": {"name": "digits", "size": 1797}}
PLAN = {"engine": "stack", "shards": [["a", "b"], ["c"]]}


# Storage must not import its siblings, so it brings its own rule and schedule, in a module that records may name.
@dataclass(frozen=True)
class Plain:
    momentum: float = 0.9

    def init(self, param):
        return {}

    def update(self, param, grad, state, lr, step):
        raise NotImplementedError


@dataclass(frozen=True)
class Flat:
    steps: int

    def __call__(self, t):
        return 1.0


stand_ins = types.ModuleType("etude.stand_ins")
for kind in (Plain, Flat):
    kind.__module__ = stand_ins.__name__
    setattr(stand_ins, kind.__name__, kind)
sys.modules[stand_ins.__name__] = stand_ins


@dataclass
class Content:
    """What goes into a study, so that it can be put there again."""

    specs: list[RunSpec]
    traces: list[Trace]
    findings: list[Finding]
    weights: bytes
    checkpoints: list[bytes] = field(default_factory=list)

    def put(self, writer: StudyWriter) -> None:
        writer.put_plan("engine", PLAN)
        writer.add_runs(self.specs)
        writer.put_traces(self.traces)
        for step, data in enumerate(self.checkpoints):
            writer.put_checkpoint("shard-0", step * 10, data)
        writer.put_weights("shard-0", self.weights)
        writer.put_findings(self.findings)


def make_spec(i: int, steps: int = 30) -> RunSpec:
    return RunSpec(TaskRef("digits", "f" * 16), Plain(), Flat(steps), 0.01 * (i + 1), steps, 32, seed=i % 3)


def make_trace(run: str, i: int, steps: int = 30) -> Trace:
    rng = np.random.default_rng(i)
    loss = rng.normal(size=steps)
    loss[:4] = np.nan, np.inf, -np.inf, -0.0
    outcome = Outcome(Ending.DIVERGED, 7, "loss above limit") if i % 2 else Outcome(Ending.COMPLETED, steps)
    evaluations = {"step": np.arange(3.0), "train_loss": rng.normal(size=3)}
    return Trace(run, outcome, {"loss": loss, "none": np.zeros(0)}, evaluations, {"sharpness": float("nan"), "x": -0.0})


@pytest.fixture(scope="session")
def content() -> Content:
    specs = [make_spec(i) for i in range(6)]
    rng = np.random.default_rng(0)
    tensors = [safetensors.numpy.save({"w": rng.normal(size=(4, 5))}) for _ in range(4)]
    findings = [
        Finding("edge", Message("edge.none", {"limit": float("inf")}), Verdict.INCONCLUSIVE, Message("edge.far")),
        Finding("best_lr", Message("q"), Verdict.SUPPORTED, Message("s", {"lr": 0.1}), 0.1, (0.05, 0.2), runs=("a",)),
    ]
    traces = [make_trace(spec.hash, i) for i, spec in enumerate(specs)]
    return Content(specs, traces, findings, tensors[0], tensors[1:])


@pytest.fixture(scope="session")
def stored(content: Content, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study on disk that tests copy and never change."""
    folder = tmp_path_factory.mktemp("stored") / "study"
    with StudyWriter.create_or_open(folder, SPEC, {"host": "here"}) as writer:
        content.put(writer)
    return folder


@pytest.fixture
def study(stored: Path, tmp_path: Path) -> Path:
    """A study on disk that a test may spoil."""
    return shutil.copytree(stored, tmp_path / "study")


def everything(reader) -> dict[str, object]:
    """All that a reader can tell, comparable bit for bit."""
    return {
        "info": reader.info(),
        "plan": reader.plan("engine"),
        "specs": reader.specs(),
        "traces": sorted(trace_row(trace) for trace in reader.traces().values()),
        "findings": reader.findings(),
        "weights": {key: reader.weights(key) for key in reader.weights_keys()},
        "files": sorted(reader.files()),
    }


@pytest.fixture(name="everything", scope="session")
def everything_fixture():
    return everything


@pytest.fixture(name="spec")
def spec_fixture() -> dict[str, object]:
    return SPEC


@pytest.fixture(name="make_trace")
def make_trace_fixture():
    return make_trace
