"""What a monitor knows of a training before it begins: names of parameters, the update rule, hyperparameters."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from etude.core.errors import SpecError
from etude.integrations.monitor.tensors import Number, scalar

_WRAPPERS = ("_orig_mod.", "module.")  # what torch.compile, and DistributedDataParallel, put before every name
_COUNTS = ("horizon", "batch_size", "examples")
_SAME_NAME = ("momentum", "weight_decay", "eps")


def optimizers_of(given: Any) -> tuple[Optimizer, ...]:
    """The torch optimizers in what the caller passed: one or several, out of the wrappers of other libraries.

    Raises:
        SpecError: When there is none, or something else among them.
    """
    found = tuple(given) if isinstance(given, Iterable) else (given,)
    unwrapped = tuple(_unwrapped(one) for one in found)
    strangers = [type(one).__name__ for one in unwrapped if not isinstance(one, Optimizer)]
    if strangers or not unwrapped:
        raise SpecError(
            f"a monitor watches torch optimizers, got {', '.join(strangers) or 'none'}: pass the object whose step() you call"
        )
    return unwrapped


def check_cadence(budget: float, every: int | None, first_step: int) -> None:
    """Refuse what no monitor can keep to.

    Raises:
        SpecError: When one is out of its range.
    """
    if not 0 < budget <= 1:
        raise SpecError(f"needs a budget in (0, 1], got {budget}: 0.02 lets the monitor take 2 % of the time")
    if every is not None and every < 1:
        raise SpecError(f"needs every >= 1, got {every}: leave it out to let it adapt")
    if first_step < 0:
        raise SpecError(f"needs first_step >= 0, got {first_step}: pass the step that the checkpoint was made at")


def check_facts(known: Mapping[str, Any], planned_lr: Any) -> None:
    """Refuse facts that no training has; ``None`` is what is not known.

    Raises:
        SpecError: When one is no number, or out of its range.
    """
    for name, value in known.items():
        told = {"horizon": "steps"}.get(name, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise SpecError(f"needs a number for {told}, got {value!r}: leave it out if it is not known")
        if name in _COUNTS and not (float(value) >= 1 and float(value).is_integer()):
            raise SpecError(f"needs {told} >= 1, a whole number, got {value}: leave it out if it is not known")
        if not float(value) > 0:
            raise SpecError(f"needs {told} > 0, got {value}: leave it out if it is not known")
    if planned_lr is not None and (isinstance(planned_lr, str) or not isinstance(planned_lr, Sequence | np.ndarray)):
        raise SpecError(f"needs one planned η for each step, got {planned_lr!r}: pass a list, such as [0.1] * steps")


def folder_of(out: Any) -> Path:
    """The folder to record in.

    Raises:
        SpecError: When it is no path.
    """
    if not isinstance(out, str | PathLike):
        raise SpecError(f'needs a folder to record in, got {out!r}: pass a path, such as "runs/first"')
    return Path(out)


def one_number(value: Any, what: str) -> Number:
    """A number that the training loop passes.

    Raises:
        SpecError: When it is none.
    """
    if isinstance(value, Tensor) and value.numel() != 1:
        raise SpecError(f"needs a {what} that is one number, got a tensor of shape {tuple(value.shape)}: pass its mean")
    try:
        return scalar(value)
    except (TypeError, ValueError):
        raise SpecError(f"needs a {what} that is a number, got {value!r}: pass a number or a tensor of one") from None


def names_of(model: nn.Module, optimizers: Sequence[Optimizer]) -> dict[Tensor, str]:
    """The name of every parameter that is optimized: the model's, in its order, then those it does not have.

    Raises:
        SpecError: When the model is no module.

    Example:
        >>> import torch
        >>> model = nn.Linear(2, 1)
        >>> list(names_of(model, [torch.optim.SGD(model.parameters(), 0.1)]).values())
        ['weight', 'bias']
    """
    if not isinstance(model, nn.Module):
        raise SpecError(f"a monitor watches a torch module, got {type(model).__name__}: pass the model that is trained")
    optimized = {p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    names: dict[Tensor, str] = {p: _plain(name) for name, p in model.named_parameters() if p in optimized}
    if not names:
        warnings.warn(
            "the optimizer trains none of this model's parameters, so they have numbers for names and nothing inside is seen: "
            "pass the model that it was made for",
            stacklevel=3,
        )
    for o, optimizer in enumerate(optimizers):
        for g, group in enumerate(optimizer.param_groups):
            for i, p in enumerate(group["params"]):
                names.setdefault(p, f"optimizer{o}.group{g}.{i}")
    return names


def facts_of(layers: Iterable[str], optimizers: Sequence[Optimizer]) -> dict[str, Any]:
    """What the optimizers tell of themselves, as plain JSON; the update rule is that of the first."""
    rule, hyperparameters = rule_of(optimizers[0])
    return {
        "rule": rule,
        "hyperparameters": hyperparameters,
        "layers": list(layers),
        "optimizers": [type(o).__name__ for o in optimizers],
    }


def rule_of(optimizer: Optimizer) -> tuple[str, dict[str, float]]:
    """Name of the update rule, and its hyperparameters under Étude's names, those of the first group.

    Example:
        >>> import torch
        >>> rule_of(torch.optim.AdamW([torch.zeros(1)], betas=(0.9, 0.95)))
        ('AdamW', {'weight_decay': 0.01, 'eps': 1e-08, 'beta1': 0.9, 'beta2': 0.95})
    """
    group = optimizer.param_groups[0]
    numbers = {name: float(group[name]) for name in _SAME_NAME if name in group}
    numbers |= {f"beta{i + 1}": float(beta) for i, beta in enumerate(group.get("betas", ())[:2])}
    return ("AMSGrad" if group.get("amsgrad") else type(optimizer).__name__), numbers


def _plain(name: str) -> str:
    changed = True
    while changed:
        changed = False
        for prefix in _WRAPPERS:
            if name.startswith(prefix):
                name, changed = name.removeprefix(prefix), True
    return name.replace("._orig_mod.", ".")


def _unwrapped(optimizer: Any) -> Any:
    """The optimizer that steps: Lightning's and Accelerate's wrappers keep it as ``optimizer``."""
    while isinstance(getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = optimizer.optimizer
    return optimizer
