"""What is wrong with a task, found before anything is trained."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from etude.core.errors import DataError, SpecError, TaskError
from etude.tasks.blame import user_code
from etude.tasks.task import Loss, Task, is_cross_entropy

_ELEMENTWISE = (functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss)
_ELEMENTWISE_MODULES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)


def check_task(task: Task, batch_size: int) -> tuple[str, ...]:
    """Try everything that training will do with a task, once, on one batch.

    Args:
        task: What is to be trained.
        batch_size: Examples per step.

    Returns:
        Sentences about what is not wrong but surprising: a loss that is not finite at the start although the data is, a
        gradient of zero, parameters without a gradient, a loss that looks like a sum instead of a mean.

    Raises:
        SpecError: When the batch size is not positive.
        DataError: When the data cannot be trained on.
        TaskError: When model, data and loss do not fit together.

    Example:
        >>> from etude.tasks.problems import linear_regression
        >>> check_task(linear_regression(), batch_size=32)
        ()
    """
    _check_batch_size(task, batch_size)
    _check_data(task)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _checked_model(task)
        inputs, targets = task.batch(0, 0, batch_size)
        output = _output(model, inputs, "training")
        shape_warnings = _check_shapes(task, output, targets)
        loss_warnings = _check_loss(task, model, output, targets)
        _check_validation(task, model.eval(), batch_size)
    return (*shape_warnings, *loss_warnings)


def _check_batch_size(task: Task, batch_size: int) -> None:
    if batch_size < 1:
        raise SpecError(f"needs batch size >= 1, got {batch_size}: pass a positive whole number")
    if batch_size > task.size("train"):
        raise DataError(
            f"needs batch size <= {task.size('train')}, the number of training examples, got {batch_size}: lower it"
        )


def _check_data(task: Task) -> None:
    for split, pair in (("training", task.train), ("validation", task.validation)):
        for role, values in zip(("inputs", "targets"), pair, strict=True):
            _check_finite(values, f"{split} {role}")
    for role, trained, held_out in zip(("inputs", "targets"), task.train, task.validation, strict=True):
        if trained.shape[1:] != held_out.shape[1:] or trained.dtype != held_out.dtype:
            raise DataError(
                f"training {role} are {trained.dtype} of shape {tuple(trained.shape[1:])} each, but validation {role} "
                f"{held_out.dtype} of shape {tuple(held_out.shape[1:])}: give both splits one form"
            )
    if task.classification:
        _check_labels(task)
    elif _is_elementwise(task.criterion) and not task.train[1].is_floating_point():
        raise TaskError(
            f"the loss compares outputs with numbers, but the targets are {task.train[1].dtype}: "
            "convert them with .float(), or use cross entropy for class indices"
        )


def _check_finite(values: Tensor, name: str) -> None:
    finite = torch.isfinite(values)
    if not finite.all():
        broken = (~finite).nonzero()
        raise DataError(
            f"{name} must be finite, but {len(broken)} of {values.numel()} values are NaN or infinite, the first in "
            f"example {int(broken[0, 0])}: remove or replace them"
        )


def _check_labels(task: Task) -> None:
    labels = task.train[1]
    if labels.is_floating_point():
        raise TaskError(f"classification needs targets that are class indices, got {labels.dtype}: use .long()")
    for split, values in (("training", labels), ("validation", task.validation[1])):
        if values.min() < 0:
            raise DataError(f"the smallest {split} label is {int(values.min())}: number the classes from 0")
    if labels.min() == labels.max():
        raise DataError(
            f"all {len(labels)} training labels are {int(labels.min())}: there is nothing to tell apart, "
            "it needs examples of at least two classes"
        )


def _checked_model(task: Task) -> nn.Module:
    model, twin = task.init(0), task.init(0)
    if model is twin:
        raise TaskError("make_model returned the same module twice: make a new one at each call")
    trainable = dict(_trainable(model))
    if not trainable:
        raise TaskError(f"the model {type(model).__name__} has no trainable parameters: nothing can be learned")
    for name, parameter in trainable.items():
        if not torch.isfinite(parameter).all():
            raise TaskError(f"parameter {name} is NaN or infinite at the start: correct the model's initialization")
        other = twin.get_parameter(name) if name in dict(twin.named_parameters()) else None
        if other is None or not torch.equal(parameter, other):
            raise TaskError(
                f"two models made with one seed differ in parameter {name}: make_model must draw its random numbers "
                "from torch's global generator only"
            )
    return model


def _output(model: nn.Module, inputs: Tensor, split: str) -> Tensor:
    shown = f"{inputs.dtype} of shape {tuple(inputs.shape)}"
    with user_code(f"the model does not accept a {split} batch, {shown}", "make the model and the data fit"):
        output = model(inputs)
    if not isinstance(output, Tensor):
        raise TaskError(f"the model must return one tensor, got {type(output).__name__}: return the outputs alone")
    if output.ndim == 0 or len(output) != len(inputs):
        raise TaskError(
            f"the model returned shape {tuple(output.shape)} for {len(inputs)} examples: "
            "the first axis must hold the examples"
        )
    return output


def _check_shapes(task: Task, output: Tensor, targets: Tensor) -> tuple[str, ...]:
    got, wanted = tuple(output.shape), tuple(targets.shape)
    if task.classification:
        _check_classes(task, got, wanted)
        return ()
    if got == wanted:
        return ()
    if is_cross_entropy(task.criterion):
        raise TaskError(
            f"cross entropy got {targets.dtype} targets of shape {wanted} for outputs of shape {got}: "
            "pass class indices (.long()), or probabilities of the outputs' shape"
        )
    if _is_elementwise(task.criterion):
        raise TaskError(
            f"the model's outputs have shape {got} but the targets {wanted}: give both one shape, for example "
            "targets.unsqueeze(1) for a single output, or they would be broadcast against each other"
        )
    if output.numel() == targets.numel():
        return (f"outputs of shape {got} and targets of shape {wanted} would be broadcast if the loss subtracts them",)
    return ()


def _check_classes(task: Task, got: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if len(got) < 2 or got[:1] + got[2:] != wanted:
        raise TaskError(
            f"the model's outputs have shape {got} but the labels {wanted}: classification needs outputs (examples, "
            "classes) for labels (examples)"
        )
    for split, (_, labels) in (("training", task.train), ("validation", task.validation)):
        if labels.max() >= got[1]:
            raise DataError(
                f"the largest {split} label is {int(labels.max())} but the model has {got[1]} outputs: "
                f"labels must be below the number of outputs, so make it at least {int(labels.max()) + 1}"
            )


def _check_loss(task: Task, model: nn.Module, output: Tensor, targets: Tensor) -> tuple[str, ...]:
    shown = f"outputs {tuple(output.shape)} and {targets.dtype} targets {tuple(targets.shape)}"
    with user_code(f"the loss does not accept {shown}", "make the loss and the data fit"):
        loss = task.loss(output, targets)
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        kind = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise TaskError(f"the loss must return a scalar tensor, got {kind}: return the mean over the examples")
    names, parameters = zip(*_trainable(model), strict=True)
    if not loss.requires_grad:
        raise TaskError("the loss does not depend on the model's parameters: return it without detach() or item()")
    with user_code("the loss cannot be differentiated", "use differentiable operations"):
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    if all(gradient is None for gradient in gradients):
        raise TaskError("the loss does not depend on the model's trainable parameters: nothing can be learned")
    if not torch.isfinite(loss):
        return (f"the loss at initialization is {loss.item()} although the data is finite",)
    unused = [name for name, gradient in zip(names, gradients, strict=True) if gradient is None]
    return tuple(_remarks(task, output, targets, loss.item(), unused, gradients))


def _remarks(
    task: Task,
    output: Tensor,
    targets: Tensor,
    loss: float,
    unused: list[str],
    gradients: tuple[Tensor | None, ...],
) -> Iterator[str]:
    if unused:
        yield f"the loss does not depend on {', '.join(unused)}: they keep their initial values"
    if all(gradient is None or not gradient.any() for gradient in gradients):
        yield "the gradient at initialization is exactly zero: gradient descent does not move"
    with torch.no_grad(), user_code("the loss fails on a batch of twice the size", "make it a mean over any batch"):
        doubled = task.loss(torch.cat([output, output]), torch.cat([targets, targets])).item()
    if loss != 0.0 and abs(doubled / loss - 2.0) < 0.01:
        yield "the loss doubles with the batch, so it looks like a sum: learning rates then depend on the batch size"


def _check_validation(task: Task, model: nn.Module, batch_size: int) -> None:
    inputs, targets = task.examples("validation", batch_size)
    with torch.no_grad():
        output = _output(model, inputs, "validation")
        with user_code("the loss does not accept the validation data", "give both splits one form"):
            task.loss(output, targets)


def _trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def _is_elementwise(loss: Loss) -> bool:
    function = loss.func if isinstance(loss, functools.partial) else loss
    return function in _ELEMENTWISE or isinstance(function, _ELEMENTWISE_MODULES)
