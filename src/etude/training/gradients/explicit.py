"""Forward and backward of a stack of MLPs, written out as batched matrix products.

One ``bmm`` per layer serves all lanes, and no graph is recorded. Every lane's product is its own matrix product inside the
batch, so its bits do not depend on how many lanes there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from etude.core.gradients import Params
from etude.core.task import Task

_aten = torch.ops.aten
Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
LossAndDelta = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

# Derivatives as (incoming gradient, pre-activation z, activation a) -> gradient with respect to z.
_ACTIVATIONS: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Backward]] = {
    nn.ReLU: (torch.relu, lambda d, _z, a: _aten.threshold_backward(d, a, 0)),
    nn.Tanh: (torch.tanh, lambda d, _z, a: _aten.tanh_backward(d, a)),
    nn.Sigmoid: (torch.sigmoid, lambda d, _z, a: _aten.sigmoid_backward(d, a)),
    nn.SiLU: (F.silu, lambda d, z, _a: _aten.silu_backward(d, z)),
    nn.GELU: (F.gelu, lambda d, z, _a: _aten.gelu_backward(d, z)),
    nn.Identity: (lambda z: z, lambda d, _z, _a: d),
}


@dataclass(frozen=True)
class Layer:
    """One affine map and its activation: names in the parameter dictionary, and the activation's class."""

    weight: str
    bias: str | None
    activation: type[nn.Module]


def mlp_layers(module: nn.Module, example: Tensor) -> tuple[Layer, ...] | None:
    """Layers of a module that is a plain MLP: a ``Sequential`` of flatten, linear and activation; else ``None``.

    ``example`` is one input: without a leading ``Flatten`` a linear layer maps its last axis only, so then it must be flat.
    """
    if type(module) is not nn.Sequential or not _is_plain(module):
        return None
    if example.dim() != 1 and not isinstance(next(iter(module), None), nn.Flatten):
        return None
    layers: list[Layer] = []
    for name, part in module._modules.items():
        if type(part) is nn.Linear:
            bias = f"{name}.bias" if part.bias is not None else None
            layers.append(Layer(f"{name}.weight", bias, nn.Identity))
        elif type(part) is nn.Flatten and not layers and part.start_dim == 1 and part.end_dim == -1:
            continue
        elif layers and type(part) in _ACTIVATIONS and layers[-1].activation is nn.Identity:
            layers[-1] = Layer(layers[-1].weight, layers[-1].bias, type(part))
        else:
            return None
    return tuple(layers) if layers else None


def _is_plain(module: nn.Module) -> bool:
    parts, params = list(module.modules()), list(module.parameters())
    return (
        not any(p._forward_hooks or p._forward_pre_hooks or p._backward_hooks for p in parts)
        and not any(isinstance(p, nn.GELU) and p.approximate != "none" for p in parts)
        and len(params) == len(list(module.named_parameters(remove_duplicate=False)))
        and all(p.requires_grad for p in params)
    )


def explicit_gradients(module: nn.Module, task: Task) -> ExplicitGradients | None:
    """Gradients by hand, where model and loss are of a kind that is written out here; else ``None``."""
    x, y = task.examples("train", 2)
    layers, loss = mlp_layers(module, x[0]), _LOSSES.get(task.criterion)
    if layers is None or loss is None or any(p.dtype != x.dtype for p in module.parameters()):
        return None
    with torch.no_grad():
        shape = module(x).shape
    fits = y.shape == shape[:1] and not y.is_floating_point() if loss is _cross_entropy else y.shape == shape
    return ExplicitGradients(layers, loss) if fits else None


class ExplicitGradients:
    """Losses and gradients of K plain MLPs under cross entropy or mean squared error."""

    def __init__(self, layers: tuple[Layer, ...], loss: LossAndDelta) -> None:
        self.layers = layers
        self._loss = loss
        self._scratch: Params = {}

    def __call__(self, params: Params, buffers: Params, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Params]:  # noqa: ARG002
        """Losses (K,) and gradients."""
        with torch.no_grad():
            inputs, pre, out = self._forward(params, x)
            losses, delta = self._loss(out, y)
            return losses, self._backward(params, inputs, pre, out, delta)

    def outputs(self, params: Params, buffers: Params, x: Tensor) -> Tensor:  # noqa: ARG002
        """Outputs (K, B, C)."""
        with torch.no_grad():
            return self._forward(params, x)[2]

    def _forward(self, params: Params, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        lanes = len(params[self.layers[0].weight])
        a = x.flatten(1).expand(lanes, -1, -1)
        inputs, pre = [], []
        for layer in self.layers:
            inputs.append(a)
            w = params[layer.weight].transpose(1, 2)
            z = torch.bmm(a, w) if layer.bias is None else torch.baddbmm(params[layer.bias].unsqueeze(1), a, w)
            pre.append(z)
            a = _ACTIVATIONS[layer.activation][0](z)
        return inputs, pre, a

    def _backward(self, params: Params, inputs: list[Tensor], pre: list[Tensor], out: Tensor, delta: Tensor) -> Params:
        grads: Params = {}
        activations = [*inputs[1:], out]
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            delta = _ACTIVATIONS[layer.activation][1](delta, pre[i], activations[i])
            grads[layer.weight] = self._product(layer.weight, params, delta.transpose(1, 2), inputs[i])
            if layer.bias is not None:
                grads[layer.bias] = delta.sum(1)
            if i:
                delta = torch.bmm(delta, params[layer.weight])
        return grads

    def _product(self, name: str, params: Params, a: Tensor, b: Tensor) -> Tensor:
        out = self._scratch.get(name)
        if out is None or out.shape != params[name].shape:
            out = self._scratch[name] = torch.empty_like(params[name])
        return torch.bmm(a, b, out=out)


def _cross_entropy(out: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    log_p = torch.log_softmax(out, 2)
    rows = torch.arange(len(y), device=y.device)
    losses = log_p[:, rows, y].mean(1).neg_()
    delta = log_p.exp_()
    delta[:, rows, y] -= 1
    return losses, delta.div_(len(y))


def _mean_squared_error(out: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    difference = out - y
    losses = difference.square().flatten(1).mean(1)
    return losses, difference.mul_(2 / y.numel())


_LOSSES: dict[Callable[..., Tensor], LossAndDelta] = {F.cross_entropy: _cross_entropy, F.mse_loss: _mean_squared_error}
