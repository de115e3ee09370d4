"""The built-in networks, all for images (B, C, S, S), with torch's default initialization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, cast, final

from torch import Tensor, nn

Activation: TypeAlias = Literal["relu", "tanh", "sigmoid", "gelu", "silu", "identity"]

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}
ACTIVATIONS = tuple(_ACTIVATIONS)


def mlp(inputs: int, hidden: tuple[int, ...], outputs: int, activation: Activation = "relu") -> nn.Sequential:
    """Fully connected network: Flatten, then Linear and activation per hidden layer, then Linear.

    Example:
        >>> import torch
        >>> tuple(mlp(64, (128,), 10)(torch.zeros(5, 1, 8, 8)).shape)
        (5, 10)
    """
    layers: list[nn.Module] = [nn.Flatten()]
    width = inputs
    for units in hidden:
        layers += [nn.Linear(width, units), _ACTIVATIONS[activation]()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def cnn(
    channels: int, side: int, classes: int, batch_norm: bool = False, activation: Activation = "relu"
) -> nn.Sequential:
    """Convolutional network: twice (3×3 convolution, activation, 2×2 max-pooling) with 16 and 32 channels, then Linear.

    Args:
        channels: Of the images.
        side: Height and width of the images, at least 4 [pixels].
        classes: Number of outputs.
        batch_norm: Whether batch normalization stands between each convolution and its activation.
        activation: Name of the activation.

    Example:
        >>> import torch
        >>> tuple(cnn(1, 8, 10)(torch.zeros(5, 1, 8, 8)).shape)
        (5, 10)
    """

    def block(into: int, out: int) -> list[nn.Module]:
        norm: list[nn.Module] = [nn.BatchNorm2d(out)] if batch_norm else []
        return [nn.Conv2d(into, out, 3, padding=1), *norm, _ACTIVATIONS[activation](), nn.MaxPool2d(2)]

    return nn.Sequential(*block(channels, 16), *block(16, 32), nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, classes))


@final
class RowGRU(nn.Module):
    """Gated recurrent unit that reads an image row by row; a linear layer on its last hidden state.

    Args:
        channels: Of the images; the channels of a row are read together.
        side: Height (time steps) and width of the images [pixels].
        hidden: Size of the hidden state.
        classes: Number of outputs.
    """

    def __init__(self, channels: int, side: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels * side, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, S, S) → outputs (B, classes)."""
        rows = images.transpose(1, 2).flatten(2)
        states, _ = self.gru(rows)
        return cast(Tensor, self.head(states[:, -1]))


def gru(channels: int, side: int, classes: int, hidden: int = 64) -> RowGRU:
    """Recurrent network over the rows of an image.

    Example:
        >>> import torch
        >>> tuple(gru(1, 8, 10)(torch.zeros(5, 1, 8, 8)).shape)
        (5, 10)
    """
    return RowGRU(channels, side, hidden, classes)
