"""What looks inside the lanes of a point, one model after the other, start from and end with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from etude.core.errors import SpecError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from etude.core.measure import Columns, Point


def look(point: Point, read: Callable[[nn.Module, int], dict[str, float]]) -> Columns:
    """Read numbers of every lane's model, in training mode at the weights in training; lanes that lack one have NaN.

    ``read`` gets the model and its row in the stack. The models' own randomness is that of the step to come, equal for all
    lanes, and whoever draws next is not disturbed.
    """
    import torch

    rows = []
    for row, module in enumerate(_in_training(point)):
        with _seeded(point):
            rows.append(read(module, row))
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: torch.tensor([row.get(name, float("nan")) for row in rows], dtype=torch.float64) for name in names}


def probe_examples(point: Point, examples: int) -> tuple[Tensor, Tensor]:
    """The first training examples of the task's fixed order: the same at every point and for all lanes."""
    return point.task.examples("train", examples)


def check_examples(examples: int, usual: int, least: int = 1) -> None:
    """Raise ``SpecError`` unless there are enough examples to read anything from."""
    if examples < least:
        raise SpecError(f"needs examples >= {least}, got {examples}: {usual} is usual")


def in_portions(module: nn.Module, x: Tensor) -> Sequence[Tensor]:
    """Outputs for many examples, portion by portion."""
    import torch

    from etude.training.gradients.looped import PORTION

    return [module(part) for part in torch.split(x, PORTION)]


def _in_training(point: Point) -> Iterator[nn.Module]:
    from etude.training.gradients.looped import bound_module

    template = point.task.init(point.seed)
    for row in range(len(point.lr)):
        yield bound_module(template, point.params, point.buffers, row).train()


@contextmanager
def _seeded(point: Point) -> Iterator[None]:
    import torch

    from etude.training.randomness import step_seed

    devices = {p.device for p in point.params.values() if p.is_cuda}
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(step_seed(point.seed, point.step))
        yield
