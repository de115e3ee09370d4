"""Which way to the gradients a task takes, and how many lanes fit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import torch
from torch import Tensor, nn

from etude.core.errors import SpecError
from etude.core.gradients import Gradients
from etude.core.message import Message, Value
from etude.core.spec import RunSpec
from etude.core.task import Task
from etude.training.gradients.explicit import explicit_gradients
from etude.training.gradients.looped import LoopedGradients
from etude.training.gradients.vmapped import WIDTH, VmappedGradients
from etude.training.lanes import start_lanes

CALIBRATION_LANES = 8
CALIBRATION_STEPS = 6

STACK_ADVANTAGE = 1.3
"""How much faster the mapped stack must be in the calibration to be preferred: the loop is the simpler one, and a choice
that hangs on noise would differ from one machine to the next."""

OVERHEAD_SECONDS = 1e-3
"""Time of one lane's step above which it is arithmetic and no overhead: hundreds of times what launching an operation
costs, and the stack saves launches alone. Merely trying it costs seconds, since torch.func loads half a compiler."""


class Engine(StrEnum):
    """How the lanes of a stack get their gradients."""

    AUTO = "auto"
    STACK = "stack"
    LOOP = "loop"


@dataclass(frozen=True)
class Choice:
    """An engine and why it was chosen; stored with the study, since engines differ in the last bits."""

    engine: Engine
    reason: Message


def make_gradients(task: Task, seed: int, engine: Engine) -> Gradients:
    """The way to the gradients that an engine takes for a task."""
    module = task.init(seed)
    if engine is Engine.LOOP:
        return LoopedGradients(module, task, random=draws_random_numbers(module, task))
    return explicit_gradients(module, task) or VmappedGradients(module, task)


def choose_engine(task: Task, specs: Sequence[RunSpec], wanted: Engine) -> Choice:
    """Choose an engine by what the model is, and by a short calibration where that does not decide.

    Raises:
        SpecError: When the stack is asked for and the model cannot be stacked.
    """
    if wanted is Engine.LOOP:
        return Choice(Engine.LOOP, Message("engine.asked_for"))
    module = task.init(specs[0].seed)
    if explicit_gradients(module, task):
        return Choice(Engine.STACK, Message("engine.plain_mlp"))
    if wanted is Engine.AUTO and (reason := _against_trying(module, task, specs)) is not None:
        return Choice(Engine.LOOP, reason)
    obstacle = _obstacle(module, task, specs)
    if wanted is Engine.STACK:
        if obstacle:
            raise SpecError(f"this model cannot be stacked, since {obstacle}: pass --engine loop")
        return Choice(Engine.STACK, Message("engine.asked_for"))
    if obstacle:
        return Choice(Engine.LOOP, Message("engine.obstacle", {"obstacle": obstacle}))
    loop, stack = (_seconds_per_step(task, specs, engine) for engine in (Engine.LOOP, Engine.STACK))
    values: dict[str, Value] = {"steps": CALIBRATION_STEPS, "lanes": CALIBRATION_LANES, "ratio": loop / stack}
    return Choice(Engine.STACK if loop > STACK_ADVANTAGE * stack else Engine.LOOP, Message("engine.calibrated", values))


def _against_trying(module: nn.Module, task: Task, specs: Sequence[RunSpec]) -> Message | None:
    """Why the stack need not be tried: on the CPU it can only save the overhead of a step, never its arithmetic."""
    x, _ = task.examples("train", 1)
    if x.is_cuda or draws_random_numbers(module, task):
        return None
    seconds = _seconds_per_step(task, specs[:1], Engine.LOOP)
    if seconds < OVERHEAD_SECONDS:
        return None
    return Message("engine.arithmetic", {"milliseconds": 1e3 * seconds})


def lanes_at_once(task: Task, seed: int, engine: Engine) -> int:
    """Lanes that an engine computes at the price of one call, so that fewer would be a waste."""
    return WIDTH if isinstance(make_gradients(task, seed, engine), VmappedGradients) else 1


def draws_random_numbers(module: nn.Module, task: Task) -> bool:
    """Whether a forward pass in training mode moves torch's generator, as dropout does."""
    x, _ = task.examples("train", 2)
    was = {name: b.clone() for name, b in module.named_buffers()}
    with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []), torch.no_grad():
        before = _generator_state(x)
        module.train()(x)
        moved = not torch.equal(before, _generator_state(x))
    for name, b in module.named_buffers():
        b.copy_(was[name])
    return moved


def _generator_state(x: Tensor) -> Tensor:
    return torch.cuda.get_rng_state(x.device) if x.is_cuda else torch.random.get_rng_state()


def _obstacle(module: nn.Module, task: Task, specs: Sequence[RunSpec]) -> str:
    if draws_random_numbers(module, task):
        return "it draws random numbers while it trains (dropout), which a stack would share between lanes"
    try:
        _run(task, specs[:1], Engine.STACK, steps=1)
    except Exception as error:  # noqa: BLE001 - whatever torch.func cannot take, the loop can
        return f"torch.func cannot map it ({type(error).__name__}: {str(error).splitlines()[0][:120]})"
    return ""


def _seconds_per_step(task: Task, specs: Sequence[RunSpec], engine: Engine) -> float:
    return _run(task, specs[:CALIBRATION_LANES], engine, CALIBRATION_STEPS)


def _run(task: Task, specs: Sequence[RunSpec], engine: Engine, steps: int) -> float:
    gradients = make_gradients(task, specs[0].seed, engine)
    lanes = start_lanes(specs, task)
    seconds = []
    for t in range(steps):
        x, y = task.batch(specs[0].seed, t, specs[0].batch_size)
        began = _seconds(x)
        gradients(lanes.params, lanes.buffers, x, y, 0)
        seconds.append(_seconds(x) - began)
    return median(seconds)


def _seconds(x: Tensor) -> float:
    """On the CPU the process's own time, which a busy neighbour hardly touches."""
    if not x.is_cuda:
        return time.process_time()
    torch.cuda.synchronize(x.device)
    return time.perf_counter()
