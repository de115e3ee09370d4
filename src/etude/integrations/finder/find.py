"""Find a learning rate for a training step of one's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from torch import Tensor, nn
from torch.optim import Optimizer

from etude.analysis.finder.classical import classical
from etude.analysis.finder.doubts import doubts
from etude.analysis.finder.verdict import Verdict, conclude
from etude.core.errors import SpecError
from etude.core.message import Message
from etude.core.schedule import Schedule
from etude.integrations.finder.answer import Answer
from etude.integrations.finder.lengths import BUDGET, lengths
from etude.integrations.finder.planned import named, planned
from etude.integrations.finder.search import Search, search
from etude.integrations.finder.simple import Made, make_step
from etude.integrations.finder.stage import Stage

_FEWEST = 200
_REPEATED = 1e-3  # relative; operations that sum in any order give a little less than that

Models = nn.Module | Sequence[nn.Module]


@overload
def find(
    model: Models,
    optimizer: Optimizer | Sequence[Optimizer],
    step: Callable[..., Any],
    /,
    *,
    data: Iterable[Any] | Callable[[], Iterable[Any]] | None = None,
    reset: Callable[[], object] | None = None,
    also: Sequence[object] = (),
    evaluate: Callable[[], Any] | None = None,
    steps: int | None = None,
    schedule: str | Schedule | None = None,
    budget: int = BUDGET,
    apply: bool = False,
) -> Answer: ...
@overload
def find(
    model: nn.Module,
    data: Any,
    loss: Callable[[Any, Any], Tensor],
    /,
    *,
    optimizer: Callable[[Any], Optimizer] | None = None,
    batch_size: int = 64,
    evaluate: Callable[[], Any] | None = None,
    steps: int | None = None,
    schedule: str | Schedule | None = None,
    budget: int = BUDGET,
) -> Answer: ...
def find(
    model: Models,
    second: Any,
    third: Callable[..., Any],
    /,
    *,
    data: Any = None,
    reset: Callable[[], object] | None = None,
    also: Sequence[object] = (),
    optimizer: Callable[[Any], Optimizer] | None = None,
    batch_size: int = 64,
    evaluate: Callable[[], Any] | None = None,
    steps: int | None = None,
    schedule: str | Schedule | None = None,
    budget: int = BUDGET,
    apply: bool = False,
) -> Answer:
    """Find the peak learning rate for a model, by short runs from the state that it is in.

    ``find(model, optimizer, step)`` takes your own training step: any number of models and optimizers (pass lists), any
    batches, mixed precision, accumulation. ``find(model, data, loss)`` makes the step itself.

    A ramp finds the region; short runs at constant learning rates, all from the present state, decide. Afterwards everything
    is as it was before, to the bit, also after an error or Ctrl-C; a hash over the whole state is compared.

    Args:
        model: What is trained.
        second: Optimizers, whose groups keep the ratios of their learning rates (η is the largest); or the data: a
            ``DataLoader``, batches in a list, or tensors ``(inputs, targets)``.
        third: ``step()``, or ``step(batch)`` if ``data`` is given, makes one step and returns its loss; or the loss of (output,
            target), or of (model, batch) when a batch is anything but a pair.
        data: Batches for ``step``: an iterable that can be iterated again, or a function that returns an iterable. Then all
            learning rates see the same batches, which removes most of the noise.
        reset: Instead of ``data``: rewinds what ``step`` reads from. Called before each run.
        also: Further objects whose state the step changes: schedulers, gradient scalers, other modules. Those that ``step``
            names itself are found without it.
        optimizer: Makes the optimizer from parameters; ``torch.optim.AdamW`` by default.
        batch_size: Examples per step, for tensors.
        evaluate: Judges the model at the end of a run, such as by its validation loss; by default the training loss over
            the last quarter of the run does.
        steps: Steps that you plan to train; by default the answer is for runs as short as the search's own.
        schedule: What the learning rate shall do over those steps, as in ``"warmup(5%) > cosine"``, where η is its peak; by
            default it is constant. The runs that decide then go through all of it, compressed to their length, so that
            nothing need be assumed of what a warm-up allows or a decay rewards.
        budget: Training steps that the search may take.
        apply: Whether to set the learning rate of the optimizers to what was found.

    Returns:
        The answer, which may be that there is none, and why.

    Raises:
        SpecError: When arguments do not fit together.
        DataError: When the data has no batch.
        ExecutionError: When something could not be given back as it was.

    Example:
        >>> import torch
        >>> from torch.nn import functional
        >>> x = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
        >>> model = nn.Linear(4, 1)
        >>> sgd = torch.optim.SGD
        >>> answer = find(model, (x, x.sum(1, keepdim=True)), functional.mse_loss, optimizer=lambda p: sgd(p, 0.1))
        >>> 0.05 < answer.lr < 1
        True
    """
    began = time.perf_counter()
    _check(steps, budget)
    shape = planned(schedule, steps)
    steps = shape.steps if shape is not None else steps
    if _are_optimizers(second):
        _refuse_leftovers(optimizer=optimizer)
        made = Made(_listed(second), third, data, None)
    else:
        _refuse_leftovers(data=data, reset=reset, apply=apply)
        made = make_step(model, second, third, optimizer, batch_size)
    if made.objection is not None:
        return _refused(made.objection, steps)
    if data is not None and reset is not None:
        raise SpecError("got both data and reset: pass one of them")
    stage = Stage(_listed(model), made.optimizers, made.step, made.data, reset, also, evaluate)
    plan = lengths(budget, steps)
    with stage.open():
        found = search(stage, plan, shape)
    answer = _answer(found, stage, steps or plan.confirm, time.perf_counter() - began, named(schedule))
    if apply and answer.lr is not None:
        stage.set_lr(answer.lr)
    return answer


def _answer(found: Search, stage: Stage, horizon: int, seconds: float, schedule: str | None) -> Answer:
    verdict: Verdict | None = None
    against: tuple[Message, ...] = ()
    if found.objection is None and found.best is not None:
        below, beyond = found.edge
        verdict = conclude(found.runs, found.best, below if beyond is not None else None, horizon)
        judged = any(run.judged is not None for run in found.runs)
        noise, steps = found.reading.noise, found.runs[0].planned
        against = doubts(found.best, noise, verdict.lr, beyond, steps, horizon, stage.epoch, judged=judged)
    return Answer(
        verdict=verdict,
        reason=found.objection,
        horizon=horizon,
        measured=found.runs[0].planned if found.runs else 0,
        steps=stage.steps,
        seconds=seconds,
        search=found,
        doubts=(*against, *_untested(found, stage)) if verdict else (),
        classical=classical(found.ramp) if verdict else {},
        schedule=schedule,
    )


def _untested(found: Search, stage: Stage) -> list[Message]:
    """How this search differs from those whose answers were tested."""
    ways = []
    if not stage.paired:
        ways.append(Message("find.unpaired"))
    scouted = {run.lr: float(run.losses[0]) for run in found.scouts}
    again = [(scouted[run.lr], float(run.losses[0])) for run in found.runs if run.order == 0 and run.lr in scouted]
    apart = max(again, key=lambda pair: abs(pair[1] - pair[0]))
    low, high = min(apart), max(apart)
    if stage.paired and high - low > _REPEATED * max(abs(low), abs(high)):
        ways.append(Message("find.not_repeatable", {"low": low, "high": high}))
    orders = {run.order for run in found.runs}
    starts = {run.order: float(run.losses[0]) for run in found.runs}
    if len(orders) == 1:
        ways.append(Message("find.one_order"))
    elif len(set(starts.values())) == 1:
        ways.append(Message("find.same_order"))
    return ways


def _refused(reason: Message, steps: int | None) -> Answer:
    return Answer(None, reason, steps or 0, 0, 0, 0.0, Search.nothing())


def _check(steps: int | None, budget: int) -> None:
    if steps is not None and steps < 1:
        raise SpecError(f"needs steps >= 1, got {steps}: pass the number of steps that you plan to train")
    if budget < _FEWEST:
        raise SpecError(f"needs budget >= {_FEWEST} steps, got {budget}: fewer cannot tell learning rates apart")


def _refuse_leftovers(**given: object) -> None:
    for name, value in given.items():
        if value is not None and value is not False:
            raise SpecError(f"{name} is for the other form of find: see help(etude.find)")


def _are_optimizers(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return bool(values) and all(isinstance(v, Optimizer) for v in values)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
