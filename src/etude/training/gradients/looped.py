"""Lane by lane with plain autograd: works for any module, and is the slow obvious twin of the other two."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from etude.core.task import Task
from etude.training.gradients.base import Params


class LoopedGradients:
    """One module per lane whose parameters and buffers are views into the stack.

    Attributes:
        template: Module that the lanes' modules are copied from.
        task: Gives the loss.
        random: Whether the model draws random numbers while it trains.
    """

    def __init__(self, template: nn.Module, task: Task, *, random: bool) -> None:
        self.template = template
        self.task = task
        self.random = random
        self._modules: list[nn.Module] = []
        self._bound: tuple[Params, Params] | None = None

    def __call__(self, params: Params, buffers: Params, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Params]:
        """Losses (K,) and gradients."""
        self._bind(params, buffers)
        grads = {name: torch.zeros_like(p) for name, p in params.items()}
        losses = []
        for k, module in enumerate(self._modules):
            loss = self._loss(module.train(), x, y, seed)
            parts = torch.autograd.grad(loss, [module.get_parameter(name) for name in params], allow_unused=True)
            for name, part in zip(params, parts, strict=True):
                if part is not None:
                    grads[name][k] = part
            losses.append(loss.detach())
        return torch.stack(losses), grads

    def outputs(self, params: Params, buffers: Params, x: Tensor) -> Tensor:
        """Outputs in evaluation mode, (K, B, ...)."""
        self._bind(params, buffers)
        with torch.no_grad():
            return torch.stack([module.eval()(x) for module in self._modules])

    def _loss(self, module: nn.Module, x: Tensor, y: Tensor, seed: int) -> Tensor:
        if not self.random:
            return self.task.loss(module(x), y)
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(seed)
            return self.task.loss(module(x), y)

    def _bind(self, params: Params, buffers: Params) -> None:
        if self._bound and self._bound[0] is params and self._bound[1] is buffers:
            return
        lanes = len(next(iter(params.values())))
        self._modules = [bound_module(self.template, params, buffers, k) for k in range(lanes)]
        self._bound = (params, buffers)


def bound_module(template: nn.Module, params: Params, buffers: Params, lane: int) -> nn.Module:
    """Copy a module, its parameters and buffers being views into one lane of the stack; frozen parameters are buffers."""
    module = copy.deepcopy(template)
    for name, p in module.named_parameters():
        p.data = (params if name in params else buffers)[name][lane]
    for name, _ in list(module.named_buffers()):
        owner, _, leaf = name.rpartition(".")
        module.get_submodule(owner)._buffers[leaf] = buffers[name][lane]
    return module
