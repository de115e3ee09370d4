"""What a scheduler reads from and writes into an optimizer's parameter groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from etude.core.errors import SpecError
from etude.core.schedule import Schedule


def one_each(values: Any, count: int, what: str) -> tuple[Any, ...]:
    """One value for each of ``count`` groups: a sequence of as many, or one that holds for all.

    Raises:
        SpecError: When a sequence has another length.
    """
    if isinstance(values, Schedule | int | float):
        return (values,) * count
    if len(values) != count:
        raise SpecError(f"needs one {what} for each of {count} groups, got {len(values)}: pass one for all, or as many")
    return tuple(values)


def remember_peak(group: dict[str, Any], peak: float | None, *, resumed: bool) -> None:
    """Keep a group's peak where torch keeps it, so that it travels with the optimizer's own state.

    Args:
        group: One parameter group.
        peak: The peak, or ``None`` for the one that is kept there already, else the present learning rate.
        resumed: Whether the present learning rate is no peak, because the run goes on.

    Raises:
        SpecError: When the run goes on and no peak is known.
    """
    if peak is None and resumed and "initial_lr" not in group:
        raise SpecError("the peaks of a run that goes on are unknown to the optimizer: pass them as peak_lr")
    group["initial_lr"] = float(group.get("initial_lr", group["lr"])) if peak is None else peak


def entries(group: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    """Present values of a group's entries; ``"beta1"`` is the first of ``"betas"``.

    Raises:
        SpecError: When the group lacks one.
    """
    names = tuple(names)
    missing = [name for name in names if ("betas" if name == "beta1" else name) not in group]
    if missing:
        known = ", ".join(sorted(name for name in group if name != "params"))
        raise SpecError(f"the optimizer's groups have no {missing[0]!r} to schedule: known are {known}")
    return {name: float(group["betas"][0] if name == "beta1" else group[name]) for name in names}


def write(group: dict[str, Any], name: str, value: float | Tensor) -> None:
    """Set an entry; a tensor is changed in place, so that compiled steps and captured graphs see it."""
    if name == "beta1":
        group["betas"] = (value, *group["betas"][1:])
    elif type(group[name]) is not float and isinstance(
        group[name], Tensor
    ):  # the latter alone takes five times as long
        group[name].fill_(value)
    else:
        group[name] = value
