"""Your own network: which learning rate does it want?

From the command line, with every option of ``etude run``::

    etude run convergence --task examples/own_network.py:task --optimizer adam --lr 1e-4:1e-1:12

or as a program, ``python examples/own_network.py``, with the small budget that is chosen at the bottom.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import etude


class Residual(nn.Module):
    """A small residual network: any nn.Module that maps a batch to one tensor will do."""

    def __init__(self, width: int = 32, blocks: int = 1) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()) for _ in range(blocks)
        )
        self.last = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, 2) of points (B, 2)."""
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.last(x)
        return out


def spirals(examples: int = 600) -> tuple[Tensor, Tensor]:
    """Points (N, 2) on two noisy spiral arms, and which arm each is on (N,)."""
    generator = torch.Generator().manual_seed(0)  # the data is the same in every run; only the seed of a run varies
    label = torch.arange(examples) % 2
    turn = torch.rand(examples, generator=generator).sqrt() * 1.5 * math.pi
    angle = turn + math.pi * label
    points = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1) / 2
    return points + 0.1 * torch.randn(points.shape, generator=generator), label


def task() -> etude.Task:
    """What is trained. Integer targets mean cross entropy and accuracy; a fifth of the examples is held out."""
    return etude.Task("two spirals", Residual, train=spirals())


def main() -> None:
    """Ask for the best learning rate and the edge, with a budget that takes seconds."""
    study = etude.Study("convergence", task=task(), optimizer="adam", lr="1e-3:1:8", seeds=5, steps=60)
    answer = study.run(workers=0)  # 0: train in this process; leave it out to use every CPU
    print(answer.text())
    edge = answer["edge"]
    print(edge.verdict.value, edge.estimate, edge.interval)
    print("report:", answer.folder / "report.html")


if __name__ == "__main__":
    main()
