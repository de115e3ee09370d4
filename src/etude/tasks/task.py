"""What a user gives to be trained: a model, data and a loss."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from etude.core.errors import DataError, TaskError
from etude.core.task import Split
from etude.tasks.blame import user_code
from etude.tasks.examples import Data, materialize
from etude.tasks.order import FIXED, epoch_order, permutation

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
HELD_OUT = 5  # one example in five, where no validation data is given
_SPLIT, _ORDER = 0, {"train": 1, "validation": 2}


@final
@dataclass(frozen=True, eq=False, init=False)
class Task:
    """A model, data and a loss, all deterministic functions of a seed.

    Tensors are taken as they are: nothing is scaled or converted, except that class indices become int64. With
    ``validation=None``, ⌊n/5⌋ (at least 1) of the training examples, drawn with a fixed key, are held out.

    Args:
        name: What reports call it.
        make_model: Makes a new ``nn.Module`` at each call; torch's generator is seeded before. Its random numbers must
            come from torch alone.
        train: (inputs, targets), examples along the first axis, or a map-style data set of such pairs.
        validation: The same, held out; ``None`` splits 20 % off ``train``.
        loss: Callable (output, target) → scalar, the mean over the examples. ``None`` means cross entropy for integer
            targets, else the mean squared error (1/n) Σ (output − target)² without the factor ½, as ``torch`` has it.
        classification: Whether accuracy is defined. ``None`` means: targets are integers and the loss is torch's cross
            entropy.

    Raises:
        TaskError: When data is neither of the two forms, or the loss or ``make_model`` cannot be called.
        DataError: When data is empty, too large to hold, of unequal lengths, or too small to be split.

    Example:
        >>> inputs = torch.linspace(-1, 1, 10).unsqueeze(1)
        >>> task = Task("line", lambda: nn.Linear(1, 1), train=(inputs, 3 * inputs))
        >>> task.size("train"), task.size("validation"), task.classification
        (8, 2, False)
        >>> tuple(task.batch(seed=0, step=0, batch_size=4)[0].shape)
        (4, 1)
    """

    name: str
    make_model: Callable[[], nn.Module]
    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    criterion: Loss
    classification: bool

    def __init__(
        self,
        name: str,
        make_model: Callable[[], nn.Module],
        train: Data,
        validation: Data | None = None,
        loss: Loss | None = None,
        classification: bool | None = None,
    ) -> None:
        for role, part in (("make_model", make_model), ("loss", loss)):
            if part is not None and not callable(part):
                raise TaskError(f"{role} must be callable, got {type(part).__name__}: pass a function")
        training = _equally_long(materialize(train, "train"), "train")
        if validation is None:
            training, held_out = _split(training)
        else:
            held_out = _equally_long(materialize(validation, "validation"), "validation")
        integer = not (training[1].is_floating_point() or training[1].is_complex())
        criterion = loss or (functional.cross_entropy if integer else functional.mse_loss)
        if classification is None:
            classification = integer and is_cross_entropy(criterion)
        fields = {
            "name": name,
            "make_model": make_model,
            "train": _indices(training) if classification else training,
            "validation": _indices(held_out) if classification else held_out,
            "criterion": criterion,
            "classification": classification,
        }
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    def __repr__(self) -> str:
        sizes = f"{self.size('train')} training and {self.size('validation')} validation examples"
        return f"Task({self.name!r}, {sizes}, loss {_described(self.criterion)})"

    def init(self, seed: int) -> nn.Module:
        """A model initialized after ``torch.manual_seed(seed)``, in training mode; the global generator is restored.

        Raises:
            TaskError: When ``make_model`` fails or returns something else.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            with user_code("the model cannot be made", "correct make_model, which is called without arguments"):
                model = self.make_model()
        if not isinstance(model, nn.Module):
            raise TaskError(f"make_model must return a torch nn.Module, got {type(model).__name__}: return the model")
        return model.train()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean loss over a batch, a scalar."""
        return self.criterion(output, target)

    def size(self, split: Split) -> int:
        """Number of examples in a split."""
        return len(self._pair(split)[0])

    def batch(self, seed: int, step: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """Training batch of a step, a pure function of its arguments.

        With S = ⌊n / batch_size⌋ steps per epoch, step t takes rows (t mod S)·batch_size … of the permutation with key
        (seed, ⌊t / S⌋); the rest of an epoch that does not fill a batch is left out.

        Raises:
            DataError: When the batch is larger than the training data.
        """
        inputs, targets = self.train
        per_epoch = len(inputs) // batch_size
        if per_epoch == 0:
            raise DataError(f"needs batch size <= {len(inputs)}, the training examples, got {batch_size}: lower it")
        epoch, place = divmod(step, per_epoch)
        order = epoch_order(len(inputs), seed, epoch, inputs.device)
        rows = order[place * batch_size : (place + 1) * batch_size]
        return inputs.index_select(0, rows), targets.index_select(0, rows)

    def examples(self, split: Split, limit: int | None = None) -> tuple[Tensor, Tensor]:
        """The first ``limit`` examples of a split in a fixed shuffled order, the same for every seed."""
        inputs, targets = self._pair(split)
        rows = permutation(len(inputs), FIXED, _ORDER[split])[:limit].to(inputs.device)
        return inputs.index_select(0, rows), targets.index_select(0, rows)

    def metrics(self, output: Tensor, target: Tensor) -> dict[str, float]:
        """``{"accuracy": share of examples whose largest output is the target}`` for classification, else nothing."""
        if not self.classification:
            return {}
        return {"accuracy": (output.argmax(dim=1) == target).double().mean().item()}

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | None = None) -> Task:
        """The same task with its floating data and model converted, such as to float64.

        Weights are drawn as ever and converted afterwards, so they are the rounded values of the original task.
        """

        def convert(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            inputs, targets = (t.to(device, dtype if t.is_floating_point() else None) for t in pair)
            return inputs, targets

        return Task(
            self.name,
            _Converted(self.make_model, dtype, device),
            convert(self.train),
            convert(self.validation),
            self.criterion,
            self.classification,
        )

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over data, model structure and loss."""
        digest = hashlib.sha256()
        for tensor in (*self.train, *self.validation):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        model = self.init(0)
        shapes = [(name, tuple(p.shape), str(p.dtype)) for name, p in model.named_parameters()]
        digest.update(repr((repr(model), shapes, _described(self.criterion), self.classification)).encode())
        return digest.hexdigest()[:16]

    def _pair(self, split: Split) -> tuple[Tensor, Tensor]:
        return self.train if split == "train" else self.validation


@final
@dataclass(frozen=True)
class _Converted:
    make_model: Callable[[], nn.Module]
    dtype: torch.dtype | None
    device: torch.device | None

    def __call__(self) -> nn.Module:
        return self.make_model().to(device=self.device, dtype=self.dtype)


def _equally_long(pair: tuple[Tensor, Tensor], name: str) -> tuple[Tensor, Tensor]:
    inputs, targets = pair
    if len(inputs) != len(targets):
        raise DataError(
            f"{name} has {len(inputs)} inputs but {len(targets)} targets: each input needs exactly one target"
        )
    if len(inputs) == 0:
        raise DataError(f"{name} is empty: it needs at least one example")
    return pair


def _split(pair: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    inputs, targets = pair
    size = len(inputs)
    if size < 2:
        raise DataError(f"needs at least 2 training examples to hold some out, got {size}: pass validation data")
    rows = permutation(size, FIXED, _SPLIT).to(inputs.device)
    held_out = max(1, size // HELD_OUT)
    return (inputs[rows[held_out:]], targets[rows[held_out:]]), (inputs[rows[:held_out]], targets[rows[:held_out]])


def _indices(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    inputs, targets = pair
    return inputs, targets if targets.is_floating_point() else targets.long()


def is_cross_entropy(loss: Loss) -> bool:
    """Whether a loss is torch's cross entropy, plain or with options bound to it."""
    function = loss.func if isinstance(loss, functools.partial) else loss
    return function is functional.cross_entropy or isinstance(function, nn.CrossEntropyLoss)


def _described(value: object) -> str:
    """What a callable is, without the memory address that ``repr`` of a function shows."""
    if isinstance(value, functools.partial):
        return f"{_described(value.func)}{value.args}{sorted(value.keywords.items())}"
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return f"{getattr(value, '__module__', '')}.{name}"
    shown = repr(value)
    return f"{type(value).__module__}.{type(value).__qualname__}" + ("" if " at 0x" in shown else f" {shown}")
