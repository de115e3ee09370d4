"""Find a learning rate for an Étude task, as the command line does."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn, optim

from etude.core.errors import SpecError
from etude.integrations.finder.answer import Answer
from etude.integrations.finder.find import find
from etude.tasks.builtin import Kind, ModelOptions, builtin_task
from etude.tasks.load import load_task
from etude.tasks.task import Task

_OPTIMIZERS: dict[str, Any] = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
}
_PLACEHOLDER = 0.1  # the search sets its own
_AT_ONCE = 1000


def find_for_task(
    task: str | None = None,
    data: str = "digits",
    model: Kind = "mlp",
    optimizer: str = "sgd",
    momentum: float | None = None,
    batch_size: int = 64,
    steps: int | None = None,
    budget: int = 1000,
    seed: int = 0,
    schedule: str | None = None,
    evaluate: bool = False,
) -> Answer:
    """Search for a task's training data, model and loss, with one of torch's optimizers.

    Args:
        task: ``FILE.py:FUNCTION``, or ``None`` for a built-in task of ``data`` and ``model``.
        data: Built-in data set, or a folder of IDX files.
        model: Built-in network.
        optimizer: One of sgd, adam, adamw, nadam, radam, rmsprop, adagrad.
        momentum: Of sgd and rmsprop; 0.9 for sgd by default.
        batch_size: Examples per step.
        steps: Steps that are planned.
        budget: Training steps that the search may take.
        seed: Of the initialization and the batches.
        schedule: What the learning rate shall do over the steps.
        evaluate: Whether the loss on the task's validation data judges runs, and not that on training batches.

    Raises:
        SpecError: When an option is unknown or does not apply.
        TaskError: When the task cannot be loaded.
    """
    if optimizer not in _OPTIMIZERS:
        raise SpecError(f"unknown optimizer {optimizer!r}: choose one of {', '.join(_OPTIMIZERS)}")
    options: dict[str, float] = {"lr": _PLACEHOLDER}
    if optimizer == "sgd":
        options["momentum"] = 0.9 if momentum is None else momentum
    elif momentum is not None:
        if optimizer != "rmsprop":
            raise SpecError(f"{optimizer} has no momentum to set, got {momentum}: leave it out")
        options["momentum"] = momentum
    what = load_task(task) if task is not None else builtin_task(data, ModelOptions(model))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = what.init(seed)
        return find(
            net,
            what.train,
            what.loss,
            optimizer=partial(_OPTIMIZERS[optimizer], **options),
            batch_size=batch_size,
            evaluate=partial(_held_out, net, what) if evaluate else None,
            steps=steps,
            schedule=schedule,
            budget=budget,
        )


@torch.no_grad()
def _held_out(net: nn.Module, task: Task) -> float:
    """Mean loss over the validation data, a thousand examples at a time."""
    net.eval()
    inputs, targets = task.validation
    parts = zip(torch.split(inputs, _AT_ONCE), torch.split(targets, _AT_ONCE), strict=True)
    return sum(len(x) * float(task.loss(net(x), y)) for x, y in parts) / len(inputs)
