"""The monitor as a callback of Lightning."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from etude.core.errors import UserError
from etude.integrations.monitor import Monitor

_HOMES = ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks")


def monitor_callback(out: str | Path, **options: Any) -> Any:
    """A callback for ``Trainer(callbacks=[…])`` that watches the training as ``Monitor`` does.

    Horizon, accumulation, clipping and mixed precision are seen as the trainer has them: gradients are read before the trainer
    clips them, and what is logged as ``val_…`` becomes ``validation_…``. A training that goes on from a checkpoint is recorded
    in the same folder.

    Args:
        out: Folder of the recording.
        options: As for ``Monitor``, such as ``batch_size`` and ``chance_loss``.

    Raises:
        UserError: When Lightning is not installed.
    """
    callback: Any = type("MonitorCallback", (callback_base(),), _HOOKS)()
    callback.out, callback.options, callback.monitor, callback.made = Path(out), dict(options), None, 0
    return callback


def _on_train_start(self: Any, trainer: Any, pl_module: Any) -> None:
    options = {"steps": _horizon(trainer), "clip_norm": _clip_norm(trainer)} | self.options
    self.made = trainer.global_step
    self.monitor = Monitor(pl_module, trainer.optimizers, self.out, first_step=self.made, **options)


def _on_before_optimizer_step(self: Any, trainer: Any, pl_module: Any, optimizer: Any) -> None:  # noqa: ARG001
    self.monitor.gradients()


def _on_train_batch_end(self: Any, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:  # noqa: ARG001
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if isinstance(loss, Tensor):
        self.monitor.loss(loss * trainer.accumulate_grad_batches)  # it has been divided by that
    # Lightning counts the calls of optimizers; several make one step of the monitor, and accumulation makes none.
    if trainer.global_step > self.made:
        self.made = trainer.global_step
        self.monitor.step()


def _on_validation_end(self: Any, trainer: Any, pl_module: Any) -> None:  # noqa: ARG001
    if self.monitor is not None:
        found = {
            name.removeprefix("val_"): value for name, value in trainer.callback_metrics.items() if _held_out(name)
        }
        if found:
            self.monitor.log(**{f"validation_{name}": value for name, value in found.items()})


def _on_train_end(self: Any, trainer: Any, pl_module: Any) -> None:  # noqa: ARG001
    self.monitor.close()


def _on_exception(self: Any, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG001
    if self.monitor is not None:
        self.monitor.__exit__(type(exception), exception, None)


_HOOKS: dict[str, Any] = {
    "on_train_start": _on_train_start,
    "on_before_optimizer_step": _on_before_optimizer_step,
    "on_train_batch_end": _on_train_batch_end,
    "on_validation_end": _on_validation_end,
    "on_train_end": _on_train_end,
    "on_exception": _on_exception,
}


def _held_out(name: str) -> bool:
    return name.startswith("val_")


def _horizon(trainer: Any) -> int | None:
    planned = trainer.estimated_stepping_batches
    return int(planned) if planned != float("inf") and planned > 0 else None


def _clip_norm(trainer: Any) -> float | None:
    value = trainer.gradient_clip_val
    return float(value) if value and trainer.gradient_clip_algorithm in (None, "norm") else None


def callback_base() -> Any:
    """Lightning's class of callbacks, under either of its package names; ``UserError`` when it is not installed."""
    for home in _HOMES:
        try:
            return import_module(home).Callback
        except ImportError:
            continue
    raise UserError('a Lightning callback needs Lightning, which is not installed: pip install "etude[lightning]"')
