"""Units that no longer learn: dead, saturated, or all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from etude.training.probes.isolated import isolated
from etude.training.probes.places import Listening, Place, followed

DEAD = 1e-3
"""A unit whose activation function is flatter than this on every example passes back less than a thousandth of its gradient.
Of a ReLU that means: it is never positive."""

SATURATED = 1 - 0.97**2
"""Slope, relative to the steepest, below which an example saturates a unit: of tanh, an output beyond ±0.97."""

_STEEPEST = {
    "tanh": 1.0,
    "sigmoid": 0.25,
    "special_expit": 0.25,
    "hardtanh": 1.0,
    "hardsigmoid": 1 / 6,
    "softsign": 1.0,
}
"""Activations with two flat ends, which saturate, and their largest slope."""

_ONE_SIDED = {"relu", "leaky_relu", "prelu", "_threshold", "elu", "selu", "celu"}
_ONE_SIDED |= {"gelu", "silu", "mish", "hardswish", "softplus", "log_sigmoid"}


@final
@dataclass(frozen=True)
class LayerUnits:
    """How the units behind one activation function do. A unit is a channel of a convolution, else a feature.

    Attributes:
        units: How many there are.
        dead: Share of them whose slope is below ``DEAD`` on every example; NaN where activations are not finite.
        saturated: Share of (unit, example) pairs whose slope is below ``SATURATED`` of the steepest; NaN for functions
            that are flat at one end at most.
        saturates: Whether the function is flat at both ends.
    """

    units: int
    dead: float
    saturated: float
    saturates: bool


def count_units(module: nn.Module, forward: Callable[[], object]) -> dict[str, LayerUnits]:
    r"""Count dead and saturated units behind every activation function, module or functional, by its own slope φ'(z).

    .. math:: \text{dead}: \max_i |\phi'(z_{iu})| < 10^{-3}, \qquad \text{saturated}: |\phi'(z_{iu})| < 0.059 \max \phi'

    A share of zeros among activations is no sign of trouble, half of them are zero in an untrained ReLU network: what counts
    is the unit that no example reaches, so let ``forward`` see at least a thousand. A sigmoid that ends a network saturates
    on what it has learned, which is no fault. The functions inside torch's fused recurrent layers cannot be seen.

    Args:
        module: The model; it is left as it was.
        forward: Runs it over the examples, in portions if need be.

    Returns:
        By name, in the order of the first call: an activation module's own name, or that of the module that calls the
        function, a dot and the function's. Calls on the results of different weights are counted apart, as ``relu_1``.

    Example:
        >>> layer = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
        >>> weights = nn.init.ones_(layer[0].weight), nn.init.constant_(layer[0].bias, -5.0)
        >>> count_units(layer, lambda: layer(torch.rand(1024, 1)))
        {'1': LayerUnits(units=2, dead=1.0, saturated=nan, saturates=False)}
    """
    with isolated(module) as parameters, followed(module, parameters) as place, torch.no_grad():
        watch = UnitWatch(place)
        with Listening(watch):
            forward()
    return watch.layers()


def alikeness(gradient: Tensor) -> float:
    r"""Mean cosine between the gradients of the units of a layer.

    .. math:: \frac{1}{U(U-1)} \sum_{u \ne v} \frac{g_u \cdot g_v}{\lVert g_u \rVert \lVert g_v \rVert}
              = \frac{\lVert \sum_u \hat g_u \rVert^2 - U}{U (U - 1)}

    At 1 all units learn the same, as after a constant initialization, and stay copies of one another.

    Args:
        gradient: Of a weight, units first: (U, ...). Units without any gradient are left out.

    Returns:
        The mean; NaN for fewer than two units with a gradient.

    Example:
        >>> round(alikeness(torch.tensor([[1.0, 0.0], [0.0, 2.0]])), 6)
        0.0
    """
    rows = gradient.detach().flatten(1).double()
    norms = torch.linalg.vector_norm(rows, dim=1)
    directions = rows[norms > 0] / norms[norms > 0].unsqueeze(1)
    units = len(directions)
    if units < 2:
        return float("nan")
    return float((directions.sum(0).square().sum() - units) / (units * (units - 1)))


@final
class UnitWatch:
    """Measures the slope of every activation function that is called; counts of several passes add up.

    Args:
        place: Follows the forward pass.
    """

    def __init__(self, place: Place) -> None:
        self._tallies: dict[str, _Tally] = {}
        self._place = place
        self._last_weight = ""
        self._channels: int | None = None
        self._weights: dict[str, list[str]] = {}

    def before(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Count the units of a call that is an activation function, before it may replace its input."""
        name = _name(function)
        if name in _STEEPEST or name in _ONE_SIDED:
            self._count(name, function, args, kwargs)

    def after(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Remember which weight was used last: its units are those that come next."""
        name = _name(function)
        if name in _STEEPEST or name in _ONE_SIDED:
            return
        weight = self._place.weight(name, (*args, *kwargs.values()))
        if weight is not None:
            self._last_weight = weight
            self._channels = result.shape[1] if name.startswith("conv") else None

    def layers(self) -> dict[str, LayerUnits]:
        """Counts by layer over all passes so far, in the order of the first call."""
        return {name: tally.result() for name, tally in self._tallies.items()}

    def _count(self, name: str, func: Any, args: Any, kwargs: Any) -> None:
        z = (args[0] if args else kwargs["input"]).detach()
        z = z if z.dim() > 1 else z.reshape(1, -1)
        rest = {key: value for key, value in kwargs.items() if key != "input"}
        unit = 1 if z.dim() > 2 and z.shape[1] == self._channels else z.dim() - 1
        saturates = name in _STEEPEST and rest.get("min_val", -1.0) < 0  # ReLU6 is a hard tanh from 0 to 6
        label = self._label(name)
        tally = self._tallies.setdefault(label, _Tally(z.new_zeros(z.shape[unit], dtype=torch.bool), saturates))
        tally.seen += z.numel()
        if name == "relu" and z.numel():
            # Its slope is 1 where z > 0 and 0 elsewhere: two passes instead of nine.
            most = z.amax([d for d in range(z.dim()) if d != unit])
            tally.alive |= most > 0
            tally.finite = tally.finite & most.isfinite().all() & z.amin().isfinite()
            return
        by_unit = _slope(func, z, args[1:], rest).movedim(unit, 0).flatten(1).abs()
        tally.alive |= (by_unit >= DEAD).any(1)
        tally.finite = tally.finite & z.isfinite().all()
        if saturates:
            tally.flat = tally.flat + (by_unit < SATURATED * _STEEPEST[name]).sum()

    def _label(self, function: str) -> str:
        path, module = self._place.entered[-1]
        own = type(module).__module__ == "torch.nn.modules.activation"
        label = path if own else f"{path}.{function.strip('_')}".lstrip(".")
        weights = self._weights.setdefault(label, [])
        if self._last_weight not in weights:
            weights.append(self._last_weight)
        index = weights.index(self._last_weight)
        return f"{label}_{index}" if index else label


@final
@dataclass
class _Tally:
    """Counts of one layer while portions of examples pass, left on their device."""

    alive: Tensor
    saturates: bool
    flat: Tensor | int = 0
    seen: int = 0
    finite: Tensor | bool = True

    def result(self) -> LayerUnits:
        finite = bool(self.finite)
        dead = 1 - float(self.alive.double().mean()) if finite else float("nan")
        saturated = int(self.flat) / self.seen if finite and self.saturates else float("nan")
        return LayerUnits(len(self.alive), dead, saturated, self.saturates)


def _slope(func: Any, z: Tensor, args: Any, kwargs: Any) -> Tensor:
    z = z.requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(func(z.clone(), *args, **kwargs).sum(), z)
    return slope


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", "")).rstrip("_")
