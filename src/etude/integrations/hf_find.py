"""The finder for the Trainer of transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from etude.core.errors import UserError
from etude.integrations.finder.find import find
from etude.integrations.finder.found import Found
from etude.integrations.finder.memory import Memory
from etude.integrations.finder.of_trainer import fetched, with_steps


def lr_find(trainer: Any, update: bool = False, evaluate: bool | Callable[[], Any] = False, **options: Any) -> Found:
    """Find a learning rate for ``trainer.train()`` before it is called.

    Loss, optimizer, batches, accumulation, clipping and mixed precision are the trainer's; callbacks are not called. Model,
    generators and trainer are then as they were before, to the bit.

    Args:
        trainer: A ``transformers.Trainer``.
        update: Whether to set ``trainer.args.learning_rate`` to what was found; an optimizer that the trainer was given
            gets it in its groups, in their ratios.
        evaluate: Whether the loss on the trainer's evaluation data judges a run, which is what to ask for when little data is
            fine-tuned on; or a function of your own that returns what does.
        options: As for ``etude.find``: ``steps`` (the trainer's by default), ``schedule`` (such as ``"warmup(5%) > linear"``,
            which is what a Trainer does with a warm-up over 5 % of its steps), ``budget``.

    Returns:
        ``found.suggestion()``, ``found.plot()``, ``found.results``, and ``found.answer`` with all that was found.

    Raises:
        UserError: When the training is of a kind that cannot be searched.
    """
    args, model = trainer.args, trainer.model
    if args.world_size > 1 or trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
        raise UserError(
            "the search runs on one device, without DeepSpeed or FSDP: search in a process of its own first"
        )
    parts = max(args.gradient_accumulation_steps, 1)
    memory, before = Memory([model]), trainer.optimizer
    try:
        optimizer = trainer.create_optimizer()
        loader = trainer.get_train_dataloader()
        steps = args.max_steps if args.max_steps > 0 else _planned(loader, args, parts)
        scaler = getattr(trainer.accelerator, "scaler", None)
        step = _step(trainer, optimizer, scaler)
        answer = find(
            model,
            getattr(optimizer, "optimizer", optimizer),
            step,
            data=fetched(loader, parts, options.get("budget")),
            also=[scaler] if scaler is not None else [],
            evaluate=_held_out(trainer) if evaluate is True else evaluate or None,
            apply=update and before is not None,
            **with_steps(options, steps),
        )
    finally:
        trainer.optimizer = before
        memory.restore()
    if update and answer.lr is not None:
        args.learning_rate = answer.lr
    return Found(answer)


def _step(trainer: Any, optimizer: Any, scaler: Any) -> Callable[[list[Mapping[str, Any]]], float]:
    """What the Trainer does with the batches of one step."""
    model, bare, limit = trainer.model, getattr(optimizer, "optimizer", optimizer), trainer.args.max_grad_norm
    weights = [p for p in model.parameters() if p.requires_grad]

    def step(batches: list[Mapping[str, Any]]) -> float:
        model.train()
        bare.zero_grad()
        losses = []
        for batch in batches:
            with trainer.accelerator.autocast():
                loss: Tensor = trainer.compute_loss(model, trainer._prepare_inputs(batch)).mean()
            losses.append(float(loss.detach()))
            share = loss / len(batches)
            (share if scaler is None else scaler.scale(share)).backward()
        if scaler is not None:
            scaler.unscale_(bare)
        if limit:
            nn.utils.clip_grad_norm_(weights, limit)
        if scaler is None:
            bare.step()
        else:
            scaler.step(bare)
            scaler.update()
        return sum(losses) / len(losses)

    return step


def _held_out(trainer: Any) -> Callable[[], float]:
    """Mean loss on the evaluation data, each batch weighted by its examples; the trainer's own evaluation would log it."""
    model, loader = trainer.model, trainer.get_eval_dataloader()

    def evaluate() -> float:
        model.eval()
        total = count = 0.0
        with torch.no_grad():
            for batch in loader:
                inputs = trainer._prepare_inputs(batch)
                size = len(next(iter(inputs.values())))
                with trainer.accelerator.autocast():
                    total += size * float(trainer.compute_loss(model, inputs).mean())
                count += size
        return total / count

    return evaluate


def _planned(loader: Any, args: Any, parts: int) -> int | None:
    """Steps of ``num_train_epochs``; ``None`` for a stream without a length."""
    try:
        return max(1, int(args.num_train_epochs * max(len(loader) // parts, 1)))
    except TypeError:
        return None
