"""All optimizers of a training, watched as one: a step is what they do between two calls of the monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from torch.optim import Optimizer

from etude.integrations.monitor.clock import Clock
from etude.integrations.monitor.optimizer import OptimizerWatch
from etude.integrations.monitor.tensors import Number
from etude.integrations.monitor.update import Look


@final
class Watches:
    """Reads the steps of several optimizers.

    Args:
        optimizers: What is watched; none where this process has nothing to read.
        clock: Times what is done here.
    """

    def __init__(self, optimizers: Sequence[Optimizer], clock: Clock) -> None:
        self._own = [OptimizerWatch(o, clock) for o in optimizers]

    def __bool__(self) -> bool:
        return bool(self._own)

    @property
    def optimizers(self) -> list[Optimizer]:
        """What is watched."""
        return [watch.optimizer for watch in self._own]

    @property
    def seconds(self) -> float:
        """Spent in their hooks since the last ``rest``."""
        return sum([watch.seconds for watch in self._own])

    @property
    def norm_seconds(self) -> float:
        """Of these, spent on the gradients' lengths."""
        return sum([watch.norm_seconds for watch in self._own])

    @property
    def lrs(self) -> list[Number]:
        """Learning rates of all groups at the last update."""
        return [lr for watch in self._own for lr in watch.lrs]

    @property
    def looks(self) -> tuple[Look, ...]:
        """What was seen of this step's updates, if they were looked at closely."""
        return tuple([watch.look for watch in self._own if watch.look is not None])

    @property
    def alignment(self) -> Tensor | None:
        """Cosine of the first optimizer's gradient and minus its update before."""
        return self._own[0].alignment

    @property
    def updates(self) -> int:
        """Updates of the first optimizer since the last ``rest``."""
        return self._own[0].updates if self._own else 0

    def norm(self) -> Tensor | None:
        """Length of the gradient over all optimizers, if all have read theirs."""
        norms = [watch.norm for watch in self._own if watch.norm is not None]
        if len(norms) < len(self._own):
            return None
        return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))

    def skipped(self) -> Number:
        """1 where no update was made, or a gradient scaler skipped it on the device."""
        skips = [watch.skipped for watch in self._own if watch.skipped is not None]
        if skips:
            return skips[0]
        return 0.0 if any(watch.updates for watch in self._own) else 1.0

    def last_updates(self) -> dict[Tensor, Tensor]:
        """The updates just made, by parameter, of those that were looked at closely."""
        return {p: update for watch in self._own for p, update in watch.last_update().items()}

    def accumulated(self) -> list[Tensor]:
        """Gradients that the next updates will be made of, as far as they have been added up."""
        return [gradient for watch in self._own for gradient in watch.accumulated()]

    def read_gradients(self) -> None:
        """Read the gradients as they are now."""
        for watch in self._own:
            watch.read_gradients()

    def prepare(self, *, look: bool, norms: bool, timed: bool) -> None:
        """Say what is read of the next step."""
        for watch in self._own:
            watch.norms = norms
            watch.timed = timed
            if look:
                watch.look_closely()

    def rest(self) -> None:
        """Begin the next step."""
        for watch in self._own:
            watch.rest()

    def close(self) -> None:
        """Leave the optimizers as they were, and read no more."""
        for watch in self._own:
            watch.close()
        self._own = []
