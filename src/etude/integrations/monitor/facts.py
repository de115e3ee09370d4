"""What a monitor knows of a training before it begins: names of parameters, the update rule, hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from etude.core.errors import SpecError

_WRAPPERS = ("_orig_mod.", "module.")  # what torch.compile, and DistributedDataParallel, put before every name
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


def names_of(model: nn.Module, optimizers: Sequence[Optimizer]) -> dict[Tensor, str]:
    """The name of every parameter that is optimized: the model's, in its order, then those it does not have.

    Example:
        >>> import torch
        >>> model = nn.Linear(2, 1)
        >>> list(names_of(model, [torch.optim.SGD(model.parameters(), 0.1)]).values())
        ['weight', 'bias']
    """
    optimized = {p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    names: dict[Tensor, str] = {p: _plain(name) for name, p in model.named_parameters() if p in optimized}
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
