"""Runs of a user's own training step, each from the same start, and the start given back at the end."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from etude.core.errors import DataError, ExecutionError, SpecError
from etude.core.trace import Array
from etude.integrations.finder.digest import digest_of
from etude.integrations.finder.memory import Memory
from etude.integrations.finder.referred import referred
from etude.integrations.torch_groups import write

Stop = Callable[[Array], bool]


@final
class Stage:
    """Plays the user's step at learning rates of our choice, always from the state that it found.

    The learning rate is written before each step and again at the moment of each optimizer's update, so that a scheduler
    inside the step changes nothing. Groups keep their ratios: η is the learning rate of the group with the largest one.

    Args:
        models: Whose state shall be kept.
        optimizers: Whose learning rates are set.
        step: One training step; takes a batch if ``data`` is given. Returns the loss.
        data: Batches that can be iterated again, or a function that returns such an iterable.
        reset: Called before each run, to rewind what ``step`` reads its batches from.
        also: Further objects whose state shall be kept; those that the functions name are kept anyway.
        evaluate: Judges the model at the end of a run.

    Attributes:
        steps: Steps made so far.
        updates: Updates that the optimizers made so far.
        paired: Whether all learning rates see the same batches.
        epoch: Batches in a pass through ``data``; ``None`` until a run came to its end.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        optimizers: Sequence[Optimizer],
        step: Callable[..., Any],
        data: Any = None,
        reset: Callable[[], object] | None = None,
        also: Sequence[object] = (),
        evaluate: Callable[[], Any] | None = None,
    ) -> None:
        self.steps = 0
        self.updates = 0
        self.epoch: int | None = None
        self.paired = data is not None or reset is not None
        self._optimizers, self._step, self._data = optimizers, step, data
        self._reset, self._evaluate, self._lr = reset, evaluate, 0.0
        self._memory: Memory | None = None
        self._scales = _scales(optimizers)
        self._factors = [1.0] * len(self._scales)
        loader = [data] if isinstance(data, DataLoader) else []
        used = [thing for function in (step, reset, evaluate) if function is not None for thing in referred(function)]
        self._roots = [*models, *optimizers, *also, *loader, *used]

    @contextmanager
    def open(self) -> Iterator[None]:
        """While this is open runs can be made; afterwards, whatever happened, everything is as it was before.

        Raises:
            ExecutionError: When the digest of the state is not what it was before.
        """
        before = digest_of(self._roots)
        hooks = [o.register_step_pre_hook(self._at_update) for o in self._optimizers]
        try:
            self._memory = Memory(self._roots)  # with the hooks, which every restore must leave in place
            yield
        finally:
            with _undisturbed():
                if self._memory is not None:
                    self._memory.restore()
                for hook in hooks:
                    hook.remove()
        if digest_of(self._roots) != before:
            raise ExecutionError(
                "the training's state differs from what it was before the search: load your last checkpoint, and do not go on "
                "from this one"
            )

    @property
    def groups(self) -> int:
        """Number of parameter groups of all optimizers."""
        return len(self._scales)

    def run(
        self, lrs: Array, order: int, stop: Stop, factors: Sequence[float] | None = None
    ) -> tuple[Array, float | None]:
        """Losses of a run at these learning rates (T,), and the evaluation after it; ends early when ``stop`` says so.

        Args:
            lrs: Learning rate of each step (N,).
            order: Which order of the batches: 0 is the one that the training itself would see.
            stop: Told the losses so far after each step.
            factors: One for each group, on top of the ratios that the groups have; 1 by default.
        """
        assert self._memory is not None, "runs are made while the stage is open"
        self._memory.restore()
        self._factors = list(factors) if factors is not None else [1.0] * self.groups
        self._shuffle(order)
        if self._reset is not None:
            self._reset()
        losses = np.empty(len(lrs))
        batches = self._batches(order)
        for t, lr in enumerate(lrs):
            arguments = () if batches is None else (next(batches),)
            self._lr = float(lr)
            self._write()
            losses[t] = _number(self._step(*arguments))
            self.steps += 1
            if stop(losses[: t + 1]):
                return losses[: t + 1], None
        return losses, None if self._evaluate is None else _number(self._evaluate())

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of the optimizers for good, groups in their ratios."""
        self._lr, self._factors = lr, [1.0] * self.groups
        self._write()

    def _write(self) -> None:
        groups = (group for optimizer in self._optimizers for group in optimizer.param_groups)
        for group, scale, factor in zip(groups, self._scales, self._factors, strict=True):
            write(group, "lr", self._lr * scale * factor)

    def _at_update(self, *_: Any) -> None:
        self.updates += 1
        self._write()

    def _shuffle(self, order: int) -> None:
        if order:
            torch.manual_seed(order)
            np.random.seed(order)
            random.seed(order)

    def _batches(self, order: int) -> Iterator[Any] | None:
        if self._data is None:
            return None
        data = self._data() if callable(self._data) else self._data
        if isinstance(data, list | tuple) and order:
            data = [data[i] for i in np.random.default_rng(order).permutation(len(data))]
        return self._forever(data)

    def _forever(self, data: Iterable[Any]) -> Iterator[Any]:
        while True:
            count = 0
            for batch in data:
                count += 1
                yield batch
            if count == 0:
                raise DataError("the data has no batch: pass data with at least one")
            self.epoch = count


def _scales(optimizers: Sequence[Optimizer]) -> list[float]:
    """Learning rates of the groups relative to the largest; a group that a warm-up holds at 0 counts with its peak."""
    lrs = [float(g["lr"]) or float(g.get("initial_lr", 0.0)) for o in optimizers for g in o.param_groups]
    largest = max(lrs)
    return [lr / largest for lr in lrs] if largest > 0 else [1.0] * len(lrs)


def _number(loss: Any) -> float:
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return float(loss.detach())
    if isinstance(loss, int | float | np.number):
        return float(loss)
    shape = f" of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else ""
    raise SpecError(
        f"the step must return its loss as a number, got {type(loss).__name__}{shape}: end it with `return loss`"
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until the state is given back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
        if came:
            raise KeyboardInterrupt
