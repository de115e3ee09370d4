"""Regression with your own network and your own validation data: ``python examples/regression.py``.

Floating targets mean the mean squared error, (1/n) Σ (output − target)². Any other loss is passed as
``loss=function(output, target)``; it must be a mean over the examples, or learning rates depend on the batch size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import etude


class Wave(nn.Module):
    """A network with features of its own: x, sin x and cos x, then one hidden layer."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (B, 1) of inputs (B, 1): the shape of the targets, or Étude refuses to start."""
        out: Tensor = self.body(torch.cat([x, x.sin(), x.cos()], dim=1))
        return out


def noisy(examples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (N, 1), evenly drawn from [−3, 3], and targets (N, 1): x·sin 2x with noise of 0.1."""
    generator = torch.Generator().manual_seed(seed)
    x = 6 * torch.rand(examples, 1, generator=generator) - 3
    return x, x * (2 * x).sin() + 0.1 * torch.randn(examples, 1, generator=generator)


def task() -> etude.Task:
    """What is trained, with held-out data given instead of split off."""
    return etude.Task("wave", Wave, train=noisy(512, seed=0), validation=noisy(256, seed=1))


def main() -> None:
    """Does the learning rate that trains best also generalize best?"""
    study = etude.Study("generalization", task=task(), lr="1e-3:1:8", seeds=5, steps=100, batch_size=32)
    answer = study.run(workers=0)
    print(answer.text())
    for name in ("best_lr_validation", "generalization_gap", "sharpness"):
        print(f"{name}: {answer[name].estimate}, 95 % interval {answer[name].interval}")


if __name__ == "__main__":
    main()
