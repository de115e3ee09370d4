"""The built-in tasks: a data set and a network, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from torch import nn

from etude.core.errors import DataError, SpecError
from etude.tasks.data import Images, load_images
from etude.tasks.models import ACTIVATIONS, Activation, cnn, gru, mlp
from etude.tasks.task import Task

Kind: TypeAlias = Literal["mlp", "cnn", "cnn-bn", "gru"]
KINDS: tuple[Kind, ...] = ("mlp", "cnn", "cnn-bn", "gru")


@dataclass(frozen=True)
class ModelOptions:
    """Which network is trained.

    Attributes:
        kind: ``"mlp"`` (fully connected), ``"cnn"``, ``"cnn-bn"`` (with batch normalization) or ``"gru"``.
        hidden: Widths of the hidden layers of an mlp, or the size of the hidden state of a gru; ``()`` takes the
            default, 128 for the two-layer network of the textbook experiment and 64 for the gru. A cnn has none.
        activation: Of an mlp or cnn; a gru has its own.

    Raises:
        SpecError: When a name is unknown, a width is not positive, or an option does not apply to the kind.
    """

    kind: Kind = "mlp"
    hidden: tuple[int, ...] = ()
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        _known("model", self.kind, KINDS)
        _known("activation", self.activation, ACTIVATIONS)
        if any(width < 1 for width in self.hidden):
            raise SpecError(f"needs hidden widths >= 1, got {self.hidden}: pass positive whole numbers")
        if self.kind.startswith("cnn") and self.hidden:
            raise SpecError(
                f"a {self.kind} has no hidden widths, got {self.hidden}: leave them out, or choose mlp or gru"
            )
        if self.kind == "gru" and len(self.hidden) > 1:
            raise SpecError(f"a gru has one hidden state, got {len(self.hidden)} widths {self.hidden}: pass one")
        if self.kind == "gru" and self.activation != "relu":
            raise SpecError(
                f"a gru has its own activations, got {self.activation!r}: leave it out, or choose mlp or cnn"
            )


def builtin_task(data: str = "digits", model: ModelOptions | None = None) -> Task:
    """A built-in task.

    Args:
        data: ``"digits"``, ``"fashion-mnist"``, ``"mnist"``, or a folder with the four IDX files of MNIST's names.
        model: The network; by default fully connected with one hidden layer of 128 units and relu.

    Raises:
        SpecError: When a name is unknown.
        DataError: When the data cannot be loaded, or its images are too small for the network.

    Example:
        >>> task = builtin_task("digits")
        >>> task.size("train"), task.size("validation")
        (1437, 360)
    """
    images = load_images(data)
    return Task(data, _maker(images, model or ModelOptions()), images.train, images.validation)


def _maker(images: Images, options: ModelOptions) -> Callable[[], nn.Module]:
    side, classes = images.side, images.classes
    match options.kind:
        case "mlp":
            return partial(mlp, side * side, options.hidden or (128,), classes, options.activation)
        case "cnn" | "cnn-bn":
            if side < 4:
                raise DataError(f"a {options.kind} needs images of at least 4×4 pixels, got {side}×{side}: use an mlp")
            return partial(cnn, 1, side, classes, options.kind == "cnn-bn", options.activation)
        case "gru":
            return partial(gru, 1, side, classes, *options.hidden)


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise SpecError(f"unknown {what} {name!r}: {hint}It must be one of {', '.join(names)}")
