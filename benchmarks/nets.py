"""Networks of the scoreboard's worlds that are not built in. Sequences come to them as images whose rows are the tokens."""

from __future__ import annotations

import math
from typing import cast, final

import torch
from torch import Tensor, nn


@final
class RowRNN(nn.Module):
    """Elman network with tanh over the rows of an image, or over its single pixels; a linear layer on its last state."""

    def __init__(self, width: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.width = width
        self.rnn = nn.RNN(width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, S, S) → outputs (B, classes)."""
        states, _ = self.rnn(images.reshape(len(images), -1, self.width))
        return cast(Tensor, self.head(states[:, -1]))


@final
class Block(nn.Module):
    """Attention and a two-layer network, each on a residual branch, normalized behind (post) or before (pre) the branch."""

    def __init__(self, width: int, heads: int, *, post: bool) -> None:
        super().__init__()
        self.post, self.heads = post, heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, T, W) → the same."""
        for norm, branch in zip(self.norms, (self._attend, self._transform), strict=True):
            x = norm(x + branch(x)) if self.post else x + branch(norm(x))
        return x

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.reshape(*part.shape[:-1], self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
        return cast(Tensor, self.out((weights @ v).transpose(1, 2).flatten(2)))

    def _transform(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.down(self.relu(self.up(x))))


@final
class RowTransformer(nn.Module):
    """Transformer whose tokens are the rows of an image; a linear layer on the mean token."""

    def __init__(self, side: int, width: int, depth: int, classes: int, *, post: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(side, width)
        self.places = nn.Parameter(torch.randn(side, width) / math.sqrt(width))
        self.blocks = nn.Sequential(*(Block(width, 4, post=post) for _ in range(depth)))
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, S, S) → outputs (B, classes)."""
        return cast(Tensor, self.head(self.blocks(self.embed(images.squeeze(1)) + self.places).mean(dim=1)))


def three_layer_cnn(side: int, classes: int, *, batch_norm: bool = False) -> nn.Sequential:
    """Three 3×3 convolutions with 12, 24 and 24 channels, the second at stride 2, then the mean over places, then Linear."""

    def block(into: int, out: int, stride: int) -> list[nn.Module]:
        norm: list[nn.Module] = [nn.BatchNorm2d(out)] if batch_norm else []
        return [nn.Conv2d(into, out, 3, stride=stride, padding=1), *norm, nn.SiLU()]

    reach = -(-side // 2)
    blocks = [*block(1, 12, 1), *block(12, 24, 2), *block(24, 24, 1)]
    return nn.Sequential(*blocks, nn.AvgPool2d(reach), nn.Flatten(), nn.Linear(24, classes))
