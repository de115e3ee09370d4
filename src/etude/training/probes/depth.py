"""How large signals and their gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from etude.training.probes.growth import Growth, log_growth
from etude.training.probes.isolated import isolated
from etude.training.probes.places import Listening, Place, followed


@final
@dataclass(frozen=True)
class Profile:
    """Root mean squares at every layer with a weight matrix or kernel, in the order of the forward pass.

    The gradient of a weight is the sum of products of these two, so it may look healthy while one vanishes and the other
    explodes.

    Attributes:
        layers: Names: those of the weights without the ending ``.weight``.
        activations: RMS of what enters a layer: the data at the first, then activations.
        deltas: RMS of the gradient of the loss with respect to what leaves a layer, the pre-activation δ.
    """

    layers: tuple[str, ...]
    activations: tuple[float, ...]
    deltas: tuple[float, ...]

    @property
    def activation_growth(self) -> Growth:
        """Powers of ten per layer by which activations grow; the data, whose scale is nobody's initialization, left out."""
        return log_growth(self.activations[1:])

    @property
    def delta_growth(self) -> Growth:
        """Powers of ten per layer by which δ grows towards the output: positive where it vanishes on its way back.

        The output, whose scale is the loss's and whose width is another, is left out. A ReLU network with torch's default
        initialization has log₁₀ √6 = 0.39.
        """
        return log_growth(self.deltas[:-1])

    def columns(self) -> dict[str, float]:
        """What a trace holds of it, as ``measures.DepthProfile`` says."""
        activation, delta = self.activation_growth, self.delta_growth
        return {
            **{f"activation_rms/{name}": rms for name, rms in zip(self.layers, self.activations, strict=True)},
            **{f"delta_rms/{name}": rms for name, rms in zip(self.layers, self.deltas, strict=True)},
            "activation_slope": activation.rate,
            "activation_slope_error": activation.error,
            "delta_slope": delta.rate,
            "delta_slope_error": delta.error,
        }


def depth_profile(module: nn.Module, loss: Callable[[], Tensor]) -> Profile:
    r"""Measure activations and pre-activation gradients at every layer, by one forward and one backward pass.

    .. math:: z_l = W_l h_{l-1} + b_l, \quad h_l = \phi(z_l), \quad \delta_l = \partial L / \partial z_l

    A layer is a call of a torch function with a floating input and a parameter of two dimensions or more, whoever makes it;
    several calls with one weight count as one layer. The functions inside torch's fused recurrent and attention layers cannot
    be seen.

    Args:
        module: The model, run in the mode it is in; it is left as it was.
        loss: Computes the scalar loss.

    References:
        Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, §4.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
        >>> weights = nn.init.constant_(model[0].weight, 2.0), nn.init.constant_(model[1].weight, 10.0)
        >>> depth_profile(model, lambda: model(torch.ones(1, 1)).sum())
        Profile(layers=('0', '1'), activations=(1.0, 2.0), deltas=(10.0, 1.0))
    """
    with isolated(module) as parameters, followed(module, parameters) as place, torch.enable_grad():
        watch = DepthWatch(place)
        with Listening(watch):
            value = loss()
        trained = [p for p in parameters.values() if p.requires_grad]
        if value.requires_grad and trained:
            torch.autograd.grad(value, trained, allow_unused=True)
    return watch.profile()


@final
class DepthWatch:
    """Adds up what enters every weighted layer, and, when a backward pass follows, the gradient of what leaves it.

    Args:
        place: Follows the forward pass.
    """

    def __init__(self, place: Place) -> None:
        self._layers: dict[str, _Layer] = {}
        self._place = place

    def before(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Nothing is known yet."""

    def after(self, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Take note of a layer's input, and ask for the gradient of its output."""
        values = (*args, *kwargs.values())
        name = self._place.weight(str(getattr(function, "__name__", "")), values)
        entering = next((v for v in values if isinstance(v, Tensor) and not self._place.owns(v)), None)
        if name is None or entering is None or not _signal(entering) or not _signal(result):
            return
        layer = self._layers.setdefault(name, _Layer())
        layer.inputs.add(entering)
        if result.requires_grad:
            # The hook keeps to this value, also where an activation in place replaces it.
            result.register_hook(layer.outputs.add)

    def profile(self) -> Profile:
        """Root mean squares over all passes so far; NaN where no gradient came back."""
        layers = self._layers.values()
        inputs, outputs = tuple(own.inputs.rms() for own in layers), tuple(own.outputs.rms() for own in layers)
        return Profile(tuple(self._layers), inputs, outputs)


@final
@dataclass
class _Squares:
    """A sum of squares, left on its device: nothing waits for it before it is asked for."""

    total: Tensor | float = 0.0
    count: int = 0

    def add(self, values: Tensor) -> None:
        self.total = self.total + values.detach().double().square().sum()
        self.count += values.numel()

    def rms(self) -> float:
        return (float(self.total) / self.count) ** 0.5 if self.count else float("nan")


@final
@dataclass
class _Layer:
    inputs: _Squares = field(default_factory=_Squares)
    outputs: _Squares = field(default_factory=_Squares)


def _signal(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.dim() > 1
