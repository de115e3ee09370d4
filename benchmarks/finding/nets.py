"""Networks that are small enough for sweeps of hundreds of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, final

import torch
from torch import Tensor, nn
from torch.nn import functional


def small_cnn(side: int, classes: int, activation: type[nn.Module], *, batch_norm: bool = False) -> nn.Sequential:
    """Twice a 3×3 convolution with stride 2 and an activation, with 8 and 16 channels, then a linear layer."""

    def block(into: int, out: int) -> list[nn.Module]:
        norm: list[nn.Module] = [nn.BatchNorm2d(out)] if batch_norm else []
        return [nn.Conv2d(into, out, 3, stride=2, padding=1), *norm, activation()]

    return nn.Sequential(*block(1, 8), *block(8, 16), nn.Flatten(), nn.Linear(16 * (-(-side // 4)) ** 2, classes))


@final
class SmallTransformer(nn.Module):
    """One block of attention with a single head and a two-layer network, over the rows of a square image.

    The branches are normalized before (pre) or, with ``post``, after they are added.
    """

    def __init__(self, side: int, width: int, classes: int, *, post: bool) -> None:
        super().__init__()
        self.post = post
        self.embed, self.places = nn.Linear(side, width), nn.Parameter(torch.randn(side, width) / 4)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, S, S) → outputs (B, classes)."""
        x = self.embed(images.squeeze(1)) + self.places
        branches: tuple[Callable[[Tensor], Tensor], ...] = (self._attend, self.network)
        for norm, branch in zip(self.norms, branches, strict=True):
            x = norm(x + branch(x)) if self.post else x + branch(norm(x))
        return cast(Tensor, self.head(x.mean(dim=1)))

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return cast(Tensor, self.out(functional.scaled_dot_product_attention(q, k, v)))
