"""The loop's own arrangements: layout of images, portions of an evaluation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from etude.tasks.task import Task
from etude.training.gradients.looped import PORTION, LoopedGradients, in_portions, takes_channels_last


class Viewing(nn.Module):
    """Flattens with ``view``, which channels-last activations refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.conv(x).view(len(x), -1))
        return out


def test_only_convolutional_networks_that_accept_it_get_channels_last(
    task_of: Callable[[str], Task], images: tuple[torch.Tensor, torch.Tensor]
) -> None:
    assert takes_channels_last(task_of("cnn").init(0), task_of("cnn"))
    assert takes_channels_last(task_of("cnn-bn").init(0), task_of("cnn-bn"))
    assert not takes_channels_last(task_of("mlp").init(0), task_of("mlp"))
    assert not takes_channels_last(task_of("gru").init(0), task_of("gru"))
    viewing = Task("viewing", lambda: Viewing().double(), train=images)
    assert not takes_channels_last(viewing.init(0), viewing)
    gradients = LoopedGradients(viewing.init(0), viewing, random=False)
    params = {n: p.detach()[None].clone() for n, p in viewing.init(0).named_parameters()}
    x, y = viewing.batch(0, 0, 8)
    assert gradients(params, {}, x, y, 0)[0].isfinite().all()


def test_the_layout_changes_gradients_by_rounding_alone(task_of: Callable[[str], Task]) -> None:
    task = task_of("cnn-bn")
    x, y = task.batch(0, 0, 16)
    results = []
    for channels_last in (True, False):
        gradients = LoopedGradients(task.init(0), task, random=False)
        gradients.channels_last = channels_last
        params = {n: p.detach()[None].clone() for n, p in task.init(0).named_parameters()}
        buffers = {n: b[None].clone() for n, b in task.init(0).named_buffers()}
        results.append(gradients(params, buffers, x, y, 0)[1])
    for name, gradient in results[0].items():
        torch.testing.assert_close(gradient, results[1][name], rtol=1e-9, atol=1e-13)


def test_portions_give_what_the_whole_gives() -> None:
    x = torch.arange(2 * PORTION + 3, dtype=torch.float64)[:, None]
    assert torch.equal(in_portions(lambda part: 2 * part, x), 2 * x)
