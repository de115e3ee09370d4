from functools import partial

import numpy as np
import pytest
import torch

from etude.core.errors import SpecError
from etude.core.spec import RunSpec, TaskRef
from etude.schedules import Constant
from etude.tasks.models import mlp
from etude.tasks.task import Task
from etude.training.engine import Engine, make_gradients
from etude.training.evaluate import CURVE_EXAMPLES, evaluate
from etude.training.fork import fork_lanes, fork_steps
from etude.training.lanes import Lanes, start_lanes
from etude.training.rules import SGD, Adam
from etude.training.train import train

STEPS = 20


def task() -> Task:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=generator)
    y = (x.sum(dim=1) > 0).long()
    return Task("half-spaces", partial(mlp, 6, (8,), 2), (x, y)).to(dtype=torch.float64)


def lanes_at(the_task: Task, lrs: list[float], steps: int, rule: object = None) -> Lanes:
    specs = [
        RunSpec(TaskRef("t", ""), rule or SGD(momentum=0.9), Constant(steps), lr, steps, 16, 0, evaluate_every=steps)  # type: ignore[arg-type]
        for lr in lrs
    ]
    return start_lanes(specs, the_task)


def trained(the_task: Task, lrs: list[float], steps: int, rule: object = None) -> Lanes:
    lanes = lanes_at(the_task, lrs, steps, rule)
    for _ in train(lanes, make_gradients(the_task, 0, Engine.STACK), the_task):
        pass
    return lanes


@pytest.mark.parametrize("rule", [SGD(momentum=0.9), Adam()])
def test_the_copy_that_is_left_alone_is_the_run_itself(rule: object) -> None:
    the_task, lrs = task(), [0.01, 0.02]
    gradients = make_gradients(the_task, 0, Engine.STACK)
    short, long = trained(the_task, lrs, STEPS, rule), trained(the_task, lrs, 2 * STEPS, rule)
    found = fork_lanes(short, gradients, the_task, steps=STEPS, repeats=2)
    there = evaluate(long, gradients, the_task, "train", CURVE_EXAMPLES)["train_loss"]
    for lane in (0, 1):
        assert found[lane].after[0, 1] == there[lane]
        assert found[lane].after[1, 1] != there[lane]  # on other batches
        assert found[lane].step == STEPS


def test_the_copies_are_judged_on_held_out_examples_too() -> None:
    the_task, lrs = task(), [0.01, 0.02]
    gradients = make_gradients(the_task, 0, Engine.STACK)
    short, long = trained(the_task, lrs, STEPS), trained(the_task, lrs, 2 * STEPS)
    found = fork_lanes(short, gradients, the_task, steps=STEPS, repeats=2)
    before, after = (evaluate(x, gradients, the_task, "validation", None)["validation_loss"] for x in (short, long))
    for lane in (0, 1):
        held_out = found[lane].on_held_out
        assert held_out is not None
        np.testing.assert_array_equal(held_out.before, before[lane])
        assert held_out.after[0, 1] == after[lane]


def test_the_copies_are_runs_at_other_rates() -> None:
    the_task = task()
    gradients = make_gradients(the_task, 0, Engine.STACK)
    start = lanes_at(the_task, [0.03], STEPS)
    found = fork_lanes(start, gradients, the_task, factors=(1 / 3, 1.0, 3.0), steps=STEPS, repeats=1)[0]
    for column, lr in enumerate((0.03 / 3, 0.03, 0.09)):
        alone = trained(the_task, [lr], STEPS)
        there = evaluate(alone, gradients, the_task, "train", CURVE_EXAMPLES)["train_loss"][0]
        assert found.after[0, column] == pytest.approx(there, rel=1e-12)


def test_the_lanes_are_left_as_they_were() -> None:
    the_task = task()
    lanes = trained(the_task, [0.01, 0.1], STEPS)
    before = {name: p.clone() for name, p in lanes.params.items()}
    state = {name: {key: v.clone() for key, v in own.items()} for name, own in lanes.state.items()}
    fork_lanes(lanes, make_gradients(the_task, 0, Engine.STACK), the_task, steps=5, repeats=1)
    assert lanes.step == STEPS
    assert all(torch.equal(before[n], p) for n, p in lanes.params.items())
    assert all(torch.equal(state[n][k], v) for n, own in lanes.state.items() for k, v in own.items())


def test_a_copy_that_diverges_has_an_infinite_loss() -> None:
    the_task = task()
    lanes = lanes_at(the_task, [0.1], STEPS)
    found = fork_lanes(
        lanes, make_gradients(the_task, 0, Engine.STACK), the_task, factors=(1.0, 1e30), steps=STEPS, repeats=1
    )[0]
    assert np.isfinite(found.after[0, 0])
    assert found.after[0, 1] == np.inf


def test_a_loop_of_ones_own_is_forked_to_the_closed_form_and_put_back() -> None:
    w = np.array([2.0])

    def advance(factor: float, repeat: int) -> None:
        for _ in range(10):
            w[0] *= 1 - 0.01 * factor

    found = fork_steps(
        lambda: w.copy(),
        lambda s: w.__setitem__(slice(None), s),
        advance,
        lambda: float(w[0] ** 2),
        held_out=lambda: float(w[0]),
        steps=10,
        repeats=2,
    )
    held_out = found.on_held_out
    assert held_out is not None
    roots = np.array([[2 * (1 - 0.01 * f) ** 10 for f in (1 / 3, 1, 3)]] * 2)
    np.testing.assert_allclose(found.after, roots**2)
    np.testing.assert_allclose(held_out.after, roots)
    np.testing.assert_array_equal(held_out.before, 2.0)
    assert w[0] == 2.0


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"repeats": 0}, {"factors": (0.5, 2.0)}])
def test_what_cannot_be_forked_is_refused(wrong: dict[str, object]) -> None:
    the_task = task()
    lanes = lanes_at(the_task, [0.1], STEPS)
    with pytest.raises(SpecError, match="needs"):
        fork_lanes(lanes, make_gradients(the_task, 0, Engine.STACK), the_task, **wrong)  # type: ignore[arg-type]
