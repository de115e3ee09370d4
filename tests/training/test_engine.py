"""Which engine a task gets, and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from etude.core.errors import SpecError
from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training import engine as engine_module
from etude.training.engine import Engine, choose_engine, draws_random_numbers, lanes_at_once, make_gradients
from etude.training.gradients.explicit import ExplicitGradients
from etude.training.gradients.looped import LoopedGradients
from etude.training.gradients.vmapped import WIDTH, VmappedGradients


def with_dropout(images: tuple[torch.Tensor, torch.Tensor]) -> Task:
    x, y = images
    make = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Dropout(0.5))  # noqa: E731
    return Task("dropout", make, train=(x.float(), y))


def test_a_plain_mlp_is_stacked_without_a_calibration(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_seconds_per_step", None)
    choice = choose_engine(task_of("mlp"), [spec_of(0.1)], Engine.AUTO)
    assert (choice.engine, choice.reason.key) == (Engine.STACK, "engine.plain_mlp")
    assert isinstance(make_gradients(task_of("mlp"), 0, Engine.STACK), ExplicitGradients)


@pytest.mark.parametrize(("stack", "expected"), [(0.5, Engine.STACK), (0.9, Engine.LOOP), (2.0, Engine.LOOP)])
def test_the_calibration_takes_the_stack_only_when_it_is_clearly_faster(
    task_of: Callable[[str], Task],
    spec_of: Callable[..., RunSpec],
    monkeypatch: pytest.MonkeyPatch,
    stack: float,
    expected: Engine,
) -> None:
    seconds = {Engine.LOOP: 1e-4, Engine.STACK: stack * 1e-4}
    monkeypatch.setattr(engine_module, "_seconds_per_step", lambda _task, _specs, engine: seconds[engine])
    choice = choose_engine(task_of("cnn"), [spec_of(0.1)], Engine.AUTO)
    assert choice.engine is expected
    assert choice.reason.values["ratio"] == pytest.approx(1 / stack)


def test_a_real_calibration_gives_an_engine_that_trains(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "OVERHEAD_SECONDS", float("inf"))
    choice = choose_engine(task_of("cnn-bn"), [spec_of(0.1)] * 3, Engine.AUTO)
    assert choice.reason.key == "engine.calibrated"
    assert choice.reason.values["ratio"] > 0  # type: ignore[operator]


def test_a_step_that_is_all_arithmetic_is_not_tried_on_the_stack(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "OVERHEAD_SECONDS", 0.0)
    monkeypatch.setattr(engine_module, "_obstacle", None)
    choice = choose_engine(task_of("cnn"), [spec_of(0.1)], Engine.AUTO)
    assert (choice.engine, choice.reason.key) == (Engine.LOOP, "engine.arithmetic")


def test_dropout_is_found_and_sent_to_the_loop(
    images: tuple[torch.Tensor, torch.Tensor], spec_of: Callable[..., RunSpec]
) -> None:
    task = with_dropout(images)
    assert draws_random_numbers(task.init(0), task)
    choice = choose_engine(task, [spec_of(0.1)], Engine.AUTO)
    assert (choice.engine, choice.reason.key) == (Engine.LOOP, "engine.obstacle")
    with pytest.raises(SpecError, match=r"cannot be stacked, since it draws random numbers .*: pass --engine loop"):
        choose_engine(task, [spec_of(0.1)], Engine.STACK)


def test_looking_for_random_numbers_leaves_the_model_and_the_generator_as_they_were(
    task_of: Callable[[str], Task],
) -> None:
    task = task_of("cnn-bn")
    module = task.init(0)
    before = {n: b.clone() for n, b in module.named_buffers()}
    state = torch.random.get_rng_state()
    assert not draws_random_numbers(module, task)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(b, before[n]) for n, b in module.named_buffers())


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(x.flatten(1))
        return out if out.sum() > 0 else 2 * out


def test_a_model_that_torch_func_cannot_map_goes_to_the_loop_and_says_why(
    images: tuple[torch.Tensor, torch.Tensor], spec_of: Callable[..., RunSpec]
) -> None:
    task = Task("branching", Branching, train=(images[0].float(), images[1]))
    choice = choose_engine(task, [spec_of(0.1)], Engine.AUTO)
    assert choice.engine is Engine.LOOP
    assert "torch.func cannot map it" in str(choice.reason.values["obstacle"])
    assert isinstance(make_gradients(task, 0, Engine.LOOP), LoopedGradients)


def test_what_is_asked_for_is_taken(task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]) -> None:
    assert choose_engine(task_of("mlp"), [spec_of(0.1)], Engine.LOOP).engine is Engine.LOOP
    assert choose_engine(task_of("cnn"), [spec_of(0.1)], Engine.STACK).engine is Engine.STACK
    assert isinstance(make_gradients(task_of("cnn"), 0, Engine.STACK), VmappedGradients)


def test_only_mapped_lanes_come_by_the_width(task_of: Callable[[str], Task]) -> None:
    assert lanes_at_once(task_of("cnn"), 0, Engine.STACK) == WIDTH
    assert lanes_at_once(task_of("mlp"), 0, Engine.STACK) == 1
    assert lanes_at_once(task_of("cnn"), 0, Engine.LOOP) == 1
