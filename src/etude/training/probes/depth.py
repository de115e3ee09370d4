"""How large signals and their gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from etude.training.probes.growth import Growth, log_growth
from etude.training.probes.isolated import isolated
from etude.training.probes.places import Place, followed


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
        watch = _Watch(place)
        with watch:
            value = loss()
        outputs = [z for layer in watch.layers.values() for z in layer.outputs if z.requires_grad]
        found = torch.autograd.grad(value, outputs, allow_unused=True) if value.requires_grad and outputs else ()
    gradients = {id(z): g for z, g in zip(outputs, found, strict=True) if g is not None}
    names = tuple(watch.layers)
    layers = watch.layers.values()
    deltas = tuple(_rms([gradients[id(z)] for z in layer.outputs if id(z) in gradients]) for layer in layers)
    return Profile(names, tuple(_rms(layer.inputs) for layer in layers), deltas)


@final
@dataclass
class _Layer:
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)


@final
class _Watch(TorchFunctionMode):
    """Keeps what enters and what leaves every weighted layer."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.layers: dict[str, _Layer] = {}
        self._place = place

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        values = (*args, *(kwargs or {}).values())
        name = self._place.weight(str(getattr(func, "__name__", "")), values)
        entering = next((v for v in values if isinstance(v, Tensor) and not self._place.owns(v)), None)
        if name is None or entering is None or not _signal(entering) or not _signal(result):
            return result
        layer = self.layers.setdefault(name, _Layer())
        layer.inputs.append(entering.detach().clone())
        layer.outputs.append(result)
        return result.clone()  # an activation in place would replace what the gradient is asked for


def _signal(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.dim() > 1


def _rms(tensors: list[Tensor]) -> float:
    """Root mean square over all entries of all tensors; NaN of none."""
    count = sum(t.numel() for t in tensors)
    return (sum(float(t.double().square().sum()) for t in tensors) / count) ** 0.5 if count else float("nan")
