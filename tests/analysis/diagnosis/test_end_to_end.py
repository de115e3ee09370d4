"""Real runs of a small network: what their learning rate does to them is what is said of them."""

from functools import partial

import numpy as np
import pytest

from etude.analysis.diagnosis.diagnose import diagnose
from etude.analysis.diagnosis.record import RunRecord
from etude.analysis.diagnosis.verdict import Confidence, Fault
from etude.core.fork import Fork
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Trace
from etude.schedules import Constant
from etude.tasks.data import load_images
from etude.tasks.models import mlp
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.fork import fork_lanes
from etude.training.lanes import start_lanes
from etude.training.measures import Alignment, AppliedRate, GradientNorm, LineProbe, Units, UpdateRatio
from etude.training.process import prepare_process
from etude.training.rules import SGD
from etude.training.train import train

STEPS = 200
MEASURES = (Alignment(), AppliedRate(), GradientNorm(), UpdateRatio(), LineProbe(128), Units(512))
RATES = {0.0003: Fault.TOO_LOW, 0.003: Fault.TOO_LOW, 0.1: Fault.HEALTHY, 0.3: Fault.HEALTHY, 30.0: Fault.TOO_HIGH}

Ran = tuple[RunSpec, Trace, Fork | None]


@pytest.fixture(scope="module")
def runs() -> dict[float, Ran]:
    images = load_images("digits")
    task = Task("digits", partial(mlp, 64, (48,), 10), images.train, images.validation)
    specs = [
        RunSpec(TaskRef(task.name, ""), SGD(), Constant(STEPS), lr, STEPS, 32, 0, evaluate_every=20, measures=MEASURES)
        for lr in RATES
    ]
    with prepare_process():
        gradients = make_gradients(task, 0, Engine.STACK)
        lanes = start_lanes(specs, task)
        for _ in train(lanes, gradients, task):
            pass
        forks = fork_lanes(lanes, gradients, task, steps=30, repeats=3)
        traces = list(finish(lanes, gradients, task))
    return {s.peak_lr: (s, t, forks.get(i)) for i, (s, t) in enumerate(zip(specs, traces, strict=True))}


@pytest.mark.parametrize(("lr", "fault"), RATES.items())
def test_each_rate_is_what_it_is(runs: dict[float, Ran], lr: float, fault: Fault) -> None:
    spec, trace, _ = runs[lr]
    assert diagnose(RunRecord.of(spec, trace, chance_loss=np.log(10)))[0].fault is fault


def test_the_fork_makes_a_low_rate_certain(runs: dict[float, Ran]) -> None:
    spec, trace, fork = runs[0.0003]
    assert fork is not None
    found = diagnose(RunRecord.of(spec, trace, fork=fork))[0]
    assert (found.fault, found.confidence) == (Fault.TOO_LOW, Confidence.CERTAIN)


def test_a_record_of_a_spec_knows_its_plan_and_its_rule(runs: dict[float, Ran]) -> None:
    spec, trace, _ = runs[0.1]
    record = RunRecord.of(spec, trace)
    assert (record.rule, record.hyperparameters["momentum"], record.batch_size) == ("SGD", 0.0, 32)
    assert record.planned_lr is not None
    np.testing.assert_array_equal(record.planned_lr, np.full(STEPS, 0.1))
