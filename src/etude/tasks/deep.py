"""Deep plain networks whose initialization is chosen: what vanishing and exploding gradients are studied on."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias, cast, final

from torch import Tensor, nn

from etude.core.errors import TaskError
from etude.tasks.models import Activation, mlp
from etude.tasks.task import Task

Scheme: TypeAlias = Literal["default", "xavier", "he", "orthogonal"]
Init: TypeAlias = Scheme | float
r"""How weights W of shape (n_out, n_in) are drawn; biases are zero, but for ``"default"``.

``"default"``: torch's own, weights and biases uniform on ±1/√n_in, so Var W = 1/(3 n_in). ``"xavier"``: normal with variance
2/(n_in + n_out). ``"he"``: normal with variance 2/n_in. ``"orthogonal"``: orthonormal rows or columns, times √2 before a relu
and 1 before anything else. A number σ: normal with variance σ²/n_in; √2 is ``"he"``, and 1 is ``"xavier"`` between layers of
one width.

References: Glorot & Bengio (2010), eq. 12; He et al. (2015), eq. 10; Saxe, McClelland & Ganguli (2014), §3.
"""


def deep_mlp(
    inputs: int, width: int, depth: int, outputs: int, activation: Activation = "relu", init: Init = "default"
) -> nn.Sequential:
    """Fully connected network of ``depth`` hidden layers of one width, all layers initialized alike.

    Example:
        >>> import torch
        >>> model = deep_mlp(64, 32, 3, 10, "tanh", "orthogonal")
        >>> W = model[3].weight
        >>> torch.allclose(W @ W.T, torch.eye(32), atol=1e-5)
        True
    """
    model = mlp(inputs, (width,) * depth, outputs, activation)
    gain = math.sqrt(2) if activation == "relu" else 1.0
    if init != "default":
        for layer in model:
            if isinstance(layer, nn.Linear):
                _draw(layer.weight, init, gain)
                nn.init.zeros_(layer.bias)
    return model


@final
class SequenceRNN(nn.Module):
    """A tanh recurrent network that reads its flattened input piece by piece; a linear layer on its last hidden state.

    Args:
        inputs: Length of the flattened input.
        times: Pieces it is cut into; divides ``inputs``.
        hidden: Size of the hidden state.
        outputs: Number of outputs.
        init: How the recurrent matrix is drawn; everything else is torch's default.
    """

    def __init__(self, inputs: int, times: int, hidden: int, outputs: int, init: Init = "default") -> None:
        super().__init__()
        self.times = times
        self.rnn = nn.RNN(inputs // times, hidden, batch_first=True)
        self.head = nn.Linear(hidden, outputs)
        if init != "default":
            _draw(cast(Tensor, self.rnn.weight_hh_l0), init, 1.0)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, …) → outputs (B, classes)."""
        states, _ = self.rnn(inputs.reshape(len(inputs), self.times, -1))
        return cast(Tensor, self.head(states[:, -1]))


def deep_task(data: Task, name: str, width: int, depth: int, activation: Activation, init: Init) -> Task:
    """A deep network on the data of a classification task.

    Raises:
        TaskError: When its targets are no classes.
    """
    inputs, classes = shape_of(data)
    return with_model(data, name, partial(deep_mlp, inputs, width, depth, classes, activation, init))


def sequence_task(data: Task, name: str, times: int, hidden: int, init: Init) -> Task:
    """A recurrent network on the data of a classification task, each example read in at most ``times`` equal pieces.

    Raises:
        TaskError: When its targets are no classes.
    """
    inputs, classes = shape_of(data)
    pieces = max(n for n in range(1, times + 1) if inputs % n == 0)
    return with_model(data, name, partial(SequenceRNN, inputs, pieces, hidden, classes, init))


def shape_of(data: Task) -> tuple[int, int]:
    """Numbers per example, and classes.

    Raises:
        TaskError: When the targets are no classes.
    """
    if not data.classification:
        raise TaskError(f"needs a task with classes, got {data.name!r}, whose targets are numbers: choose another task")
    x, y = data.train
    classes = 1 + max(int(y.max()), int(data.validation[1].max()))
    return x[0].numel(), classes


def with_model(data: Task, name: str, make_model: Callable[[], nn.Module]) -> Task:
    """The same data and loss with another model."""
    return Task(name, make_model, data.train, data.validation, data.criterion, data.classification)


def _draw(weight: Tensor, init: Init, gain: float) -> None:
    match init:
        case "xavier":
            nn.init.xavier_normal_(weight)
        case "he":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        case "orthogonal":
            nn.init.orthogonal_(weight, gain)
        case float():
            nn.init.normal_(weight, std=init / math.sqrt(weight.shape[1]))
