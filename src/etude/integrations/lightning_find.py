"""The finder for Lightning's modules: as a function like that of its tuner, and as a callback like its own."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from etude.core.errors import UserError
from etude.integrations.finder.find import find
from etude.integrations.finder.found import Found
from etude.integrations.finder.memory import Memory
from etude.integrations.finder.of_trainer import fetched, with_steps
from etude.integrations.lightning import callback_base

_NAMES = ("lr", "learning_rate")


def lr_find(
    trainer: Any,
    model: Any,
    train_dataloaders: Any = None,
    datamodule: Any = None,
    update: bool = False,
    **options: Any,
) -> Found:
    """Find a learning rate for ``trainer.fit(model, …)`` before it is called.

    Sets the training up as ``fit`` does, searches, and ends before its first step; module and generators are then as they were
    before, to the bit. Precision, clipping, accumulation and devices are the trainer's; what the module logs is not kept.

    Args:
        trainer: The ``Trainer`` that will train.
        model: The ``LightningModule``.
        train_dataloaders: As for ``fit``.
        datamodule: As for ``fit``.
        update: Whether to set the module's ``lr`` or ``learning_rate``, or that of its ``hparams``, to what was found.
        options: As for ``etude.find``: ``steps`` (the trainer's by default), ``schedule``, ``budget``, ``evaluate``.

    Returns:
        ``found.suggestion()``, ``found.plot()``, ``found.results``, and ``found.answer`` with all that was found.

    Raises:
        UserError: When Lightning is not installed, or the training is of a kind that cannot be searched.
    """
    callback = learning_rate_finder(update=False, **options)
    callback.only = True
    memory, callbacks, loggers = Memory([model]), trainer.callbacks, trainer.loggers
    trainer.callbacks, trainer.loggers = [callback], []  # others would see a training begin and end
    try:
        trainer.fit(model, train_dataloaders=train_dataloaders, datamodule=datamodule)
    finally:
        trainer.callbacks, trainer.loggers, trainer.should_stop = callbacks, loggers, False
        memory.restore()
    if callback.found is None:
        raise UserError("the trainer has no training step to make: let max_epochs or max_steps allow one")
    if update:
        _set(model, callback.found.suggestion())
    return Found(callback.found.answer)


def learning_rate_finder(update: bool = True, **options: Any) -> Any:
    """A callback for ``Trainer(callbacks=[…])`` that searches before the first step, and then lets the training begin.

    Afterwards ``callback.found`` has ``suggestion()``, ``plot()`` and ``answer``. Without an answer a warning says why, and the
    learning rate stays as it was.

    Args:
        update: Whether the module's ``lr`` or ``learning_rate``, or that of its ``hparams``, is set to what was found and its
            ``configure_optimizers`` called again.
        options: As for ``etude.find``.

    Raises:
        UserError: When Lightning is not installed.
    """
    callback: Any = type("LearningRateFinder", (callback_base(),), {"on_train_start": _on_train_start})()
    callback.update, callback.options, callback.only, callback.found = update, dict(options), False, None
    return callback


def _on_train_start(self: Any, trainer: Any, pl_module: Any) -> None:
    if self.update and _home(pl_module) is None:
        raise UserError(
            "the module has no lr or learning_rate to set: give it one that configure_optimizers reads, or pass update=False"
        )
    self.found = _search(trainer, pl_module, self.options)
    lr = self.found.suggestion()
    if lr is None:
        warnings.warn(self.found.answer.text(), stacklevel=2)
    elif self.update:
        _set(pl_module, lr)
        trainer.strategy.setup_optimizers(trainer)
    trainer.should_stop = trainer.should_stop or self.only


def _search(trainer: Any, module: Any, options: Mapping[str, Any]) -> Found:
    if trainer.world_size > 1:
        raise UserError(
            f"the search runs on one device, got {trainer.world_size}: search with Trainer(devices=1) first"
        )
    loader = trainer.train_dataloader
    if isinstance(loader, Mapping | list | tuple):
        raise UserError("the search needs one training loader, got several: combine them into one")
    planned = trainer.estimated_stepping_batches
    steps = int(planned) if planned not in (float("inf"), -1) else None
    parts = trainer.accumulate_grad_batches if module.automatic_optimization else 1
    memory = Memory([module, loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)])
    data = fetched(loader, parts, options.get("budget"))
    memory.restore()
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    with _unlogged(trainer, module):
        answer = find(
            module,
            trainer.optimizers,
            _step(trainer, module, parts),
            data=data,
            also=[scaler] if scaler else [],
            **with_steps(options, steps),
        )
    return Found(answer)


def _step(trainer: Any, module: Any, parts: int) -> Callable[[list[Any]], float]:
    """What Lightning's automatic optimization does with the batches of one step; manual optimization does it itself."""
    strategy = trainer.strategy
    takes_index = "batch_idx" in inspect.signature(module.training_step).parameters

    def loss_of(batch: Any) -> Tensor:
        output = strategy.training_step(strategy.batch_to_device(batch), *((0,) if takes_index else ()))
        loss = output["loss"] if isinstance(output, Mapping) else output
        if not isinstance(loss, Tensor):
            raise UserError(f"training_step must return a loss to be searched, got {type(loss).__name__}: return it")
        return loss

    def manual(batches: list[Any]) -> float:
        return float(loss_of(batches[0]).detach())

    def automatic(batches: list[Any]) -> float:
        (optimizer,) = trainer.optimizers
        losses: list[float] = []

        def closure() -> None:
            optimizer.zero_grad()
            for batch in batches:
                loss = loss_of(batch)
                losses.append(float(loss.detach()))
                strategy.backward(loss / parts, optimizer)

        strategy.optimizer_step(optimizer, closure, module)
        return sum(losses) / len(losses)

    return automatic if module.automatic_optimization else manual


@contextmanager
def _unlogged(trainer: Any, module: Any) -> Iterator[None]:
    """Neither callbacks nor the module's own logging see the steps of a search."""
    callbacks, trainer.callbacks = trainer.callbacks, []
    module.log = module.log_dict = lambda *_, **__: None
    try:
        yield
    finally:
        del module.log, module.log_dict
        trainer.callbacks = callbacks


def _home(module: Any) -> tuple[Any, str] | None:
    places = (module, getattr(module, "hparams", None))
    return next(((place, name) for place in places for name in _NAMES if hasattr(place, name)), None)


def _set(module: Any, lr: float | None) -> None:
    home = _home(module)
    if home is not None and lr is not None:
        setattr(*home, lr)
