"""Lane by lane with plain autograd: works for any module, and is the slow obvious twin of the other two."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from etude.core.gradients import Params
from etude.core.task import Task

PORTION = 128
"""Examples of a forward pass in evaluation: activations that stay in the cache. A thousand images at once took a small CNN
four times as long, most of it for fresh pages of memory."""


class LoopedGradients:
    """One module per lane whose parameters and buffers are views into the stack.

    Attributes:
        template: Module that the lanes' modules are copied from.
        task: Gives the loss.
        random: Whether the model draws random numbers while it trains.
        channels_last: Whether batches of images are laid out with their channels last, which a convolutional network on the
            CPU takes faster; the numbers are the same up to rounding.
    """

    def __init__(self, template: nn.Module, task: Task, *, random: bool) -> None:
        self.template = template
        self.task = task
        self.random = random
        self.channels_last = takes_channels_last(template, task)
        self._modules: list[nn.Module] = []
        self._bound: tuple[Params, Params] | None = None

    def __call__(self, params: Params, buffers: Params, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Params]:
        """Losses (K,) and gradients."""
        self._bind(params, buffers)
        x = self._laid_out(x)
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
        x = self._laid_out(x)
        with torch.no_grad():
            return torch.stack([in_portions(module.eval(), x) for module in self._modules])

    def _loss(self, module: nn.Module, x: Tensor, y: Tensor, seed: int) -> Tensor:
        if not self.random:
            return self.task.loss(module(x), y)
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(seed)
            return self.task.loss(module(x), y)

    def _laid_out(self, x: Tensor) -> Tensor:
        return channels_last(x) if self.channels_last else x

    def _bind(self, params: Params, buffers: Params) -> None:
        if self._bound and self._bound[0] is params and self._bound[1] is buffers:
            return
        lanes = len(next(iter(params.values())))
        self._modules = [bound_module(self.template, params, buffers, k) for k in range(lanes)]
        self._bound = (params, buffers)


def takes_channels_last(module: nn.Module, task: Task) -> bool:
    """Whether a model is a convolutional network on the CPU that accepts images with their channels last.

    Some do not: ``view`` on an activation demands the other layout. What the model is decides, never a timing, so that a
    study is computed in one way however often it is continued.
    """
    x, y = task.examples("train", 2)
    if x.dim() != 4 or x.is_cuda or not any(isinstance(part, nn.Conv2d) for part in module.modules()):
        return False
    probe = copy.deepcopy(module).eval()
    try:
        task.loss(probe(channels_last(x)), y).backward()  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False
    return True


def channels_last(x: Tensor) -> Tensor:
    """Images (B, C, H, W) with the channels of a pixel side by side in memory.

    With one channel both layouts are the same bytes and torch takes the other for granted, unless the strides say otherwise.
    """
    x = x.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = x.shape
    return x if channels > 1 else x.as_strided(x.shape, (height * width, 1, width, 1))


def in_portions(model: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Outputs for many examples, computed ``PORTION`` at a time."""
    return torch.cat([model(part) for part in torch.split(x, PORTION)])


def bound_module(template: nn.Module, params: Params, buffers: Params, lane: int) -> nn.Module:
    """Copy a module, its parameters and buffers being views into one lane of the stack; frozen parameters are buffers."""
    module = copy.deepcopy(template)
    for name, p in module.named_parameters():
        p.data = (params if name in params else buffers)[name][lane]
    for name, _ in list(module.named_buffers()):
        owner, _, leaf = name.rpartition(".")
        module.get_submodule(owner)._buffers[leaf] = buffers[name][lane]
    return module
