"""The monitor as a callback of the Trainer of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from etude.core.errors import UserError
from etude.integrations.monitor import Monitor


def monitor_callback(out: str | Path, **options: Any) -> Any:
    """A callback for ``Trainer(callbacks=[…])`` that watches the training as ``Monitor`` does.

    Horizon, batch size and clipping are the trainer's. The loss of a step is that in the model's outputs, because the trainer
    tells callbacks of no other; a model without one leaves it out. Callbacks are called after the gradient was clipped, so the
    clipped one is read. The ``eval_loss`` of ``evaluate`` becomes ``validation_loss``. One that goes on from a checkpoint
    is recorded in the same folder.

    Args:
        out: Folder of the recording.
        options: As for ``Monitor``, such as ``chance_loss``.

    Raises:
        UserError: When transformers is not installed.
    """
    try:
        base = import_module("transformers").TrainerCallback
    except ImportError:
        raise UserError(
            'a callback of transformers needs transformers, which is not installed: pip install "etude[hf]"'
        ) from None
    callback = type("MonitorCallback", (base,), _HOOKS)()
    callback.out, callback.options, callback.monitor, callback.hook = Path(out), dict(options), None, None
    return callback


def _on_train_begin(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG001
    model, parts = kwargs["model"], max(args.gradient_accumulation_steps, 1)
    options = {
        "steps": state.max_steps if state.max_steps > 0 else None,
        "batch_size": args.train_batch_size * parts * max(args.world_size, 1),
        "clip_norm": args.max_grad_norm or None,
    } | self.options
    self.monitor = Monitor(model, kwargs["optimizer"], self.out, first_step=state.global_step, **options)

    def take_loss(module: Any, _: Any, given: Mapping[str, Any], output: Any) -> None:
        loss = output.get("loss") if isinstance(output, Mapping) else None
        if module.training and isinstance(loss, Tensor):
            # Divided by the items of all parts, a part's loss is a share of the step's.
            self.monitor.loss(loss.mean() * parts if given.get("num_items_in_batch") is not None else loss.mean())

    self.hook = model.register_forward_hook(take_loss, with_kwargs=True)


def _on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG001
    self.monitor.step()


def _on_evaluate(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG001
    found = {name.removeprefix("eval_"): value for name, value in kwargs.get("metrics", {}).items() if _held_out(name)}
    if self.monitor is not None and found:
        self.monitor.log(**{f"validation_{name}": value for name, value in found.items()})


def _on_train_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG001
    self.hook.remove()
    self.monitor.close()


_HOOKS: dict[str, Any] = {
    "on_train_begin": _on_train_begin,
    "on_step_end": _on_step_end,
    "on_evaluate": _on_evaluate,
    "on_train_end": _on_train_end,
}


def _held_out(name: str) -> bool:
    return name in ("eval_loss", "eval_accuracy")
