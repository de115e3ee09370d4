"""Estimates of bytes, against the tensors themselves."""

from __future__ import annotations

from collections.abc import Callable

from etude.core.spec import RunSpec
from etude.tasks.task import Task
from etude.training.engine import Engine
from etude.training.measures import ClipFactor, GradientNorm
from etude.training.memory import bytes_per_lane, weight_bytes
from etude.training.rules import SGD, Adam


def test_more_state_and_activations_count(task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]) -> None:
    task = task_of("mlp")
    weights = sum(p.numel() * p.element_size() for p in task.init(0).parameters())
    plain = bytes_per_lane(task, spec_of(0.1, SGD()), Engine.LOOP)
    assert plain >= 2 * weights
    assert bytes_per_lane(task, spec_of(0.1, SGD(momentum=0.9)), Engine.LOOP) == plain + weights
    assert bytes_per_lane(task, spec_of(0.1, Adam()), Engine.LOOP) == plain + 2 * weights
    assert bytes_per_lane(task, spec_of(0.1, SGD()), Engine.STACK) > plain


def test_what_is_measured_at_steps_counts(task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]) -> None:
    task = task_of("mlp")
    weights = sum(p.numel() * p.element_size() for p in task.init(0).parameters())
    plain, short = (bytes_per_lane(task, spec_of(0.1, steps=steps), Engine.LOOP) for steps in (1000, 20))
    by_layer = (GradientNorm(layers=True), ClipFactor())
    measured = bytes_per_lane(task, spec_of(0.1, steps=1000, measures=by_layer), Engine.LOOP)
    assert plain - short == 980 * 8
    assert measured == plain + 5 * weights + 1000 * 8 * (1 + 6 + 1)


def test_final_weights_are_parameters_and_buffers(
    task_of: Callable[[str], Task], spec_of: Callable[..., RunSpec]
) -> None:
    task = task_of("cnn-bn")
    module = task.init(0)
    one = sum(t.numel() * t.element_size() for t in [*module.parameters(), *module.buffers()])
    assert weight_bytes(task, [spec_of(0.1), spec_of(0.2)]) == 2 * one
