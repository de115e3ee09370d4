import functools

import pytest
import torch
from torch import nn
from torch.nn import functional

from etude.core.errors import DataError, SpecError, TaskError
from etude.tasks.builtin import KINDS, ModelOptions, builtin_task
from etude.tasks.checks import check_task
from etude.tasks.problems import linear_regression, quadratic
from etude.tasks.task import Task

INPUTS = torch.linspace(-1, 1, 60).reshape(20, 3)
LABELS = torch.arange(20) % 2
NUMBERS = torch.linspace(0, 1, 20).unsqueeze(1)


def classify() -> nn.Module:
    return nn.Linear(3, 2)


def regress() -> nn.Module:
    return nn.Linear(3, 1)


def task(make_model=classify, inputs=INPUTS, targets=LABELS, **options) -> Task:
    return Task("t", make_model, (inputs, targets), options.pop("validation", (inputs, targets)), **options)


def with_value(values: torch.Tensor, row: int, value: float) -> torch.Tensor:
    values = values.clone()
    values[row] = value
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_built_in_tasks_pass(kind):
    assert check_task(builtin_task("digits", ModelOptions(kind)), 64) == ()


@pytest.mark.parametrize(
    "healthy", [quadratic((1.0, 2.0)), linear_regression(), task(), task(regress, targets=NUMBERS)]
)
def test_healthy_tasks_pass_and_leave_the_generator_alone(healthy):
    before = torch.random.get_rng_state()
    assert check_task(healthy, 8) == ()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_dropout_passes_and_leaves_the_generator_alone():
    before = torch.random.get_rng_state()
    assert check_task(task(lambda: nn.Sequential(nn.Dropout(), classify())), 8) == ()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_probabilities_as_targets_of_cross_entropy_pass():
    assert check_task(task(targets=torch.full((20, 2), 0.5), loss=functional.cross_entropy), 8) == ()


def test_per_token_classification_passes():
    inputs = torch.arange(20).reshape(5, 4) % 3

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 6)

        def forward(self, tokens):
            return self.table(tokens).transpose(1, 2)

    assert check_task(Task("tokens", Tokens, (inputs, inputs), (inputs, inputs)), 2) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inputs": with_value(INPUTS, 3, float("nan"))},
            "training inputs must be finite, but 3 of 60 values .* first in example 3: remove",
        ),
        (
            {"inputs": with_value(INPUTS, 7, float("inf"))},
            "training inputs must be finite, but 3 of 60 values .* first in example 7",
        ),
        (
            {"make_model": regress, "targets": with_value(NUMBERS, 5, float("-inf"))},
            "training targets must be finite, but 1 of 20 values .* example 5",
        ),
        (
            {"validation": (with_value(INPUTS, 0, float("nan")), LABELS)},
            "validation inputs must be finite, but 3 of 60 .* example 0",
        ),
        ({"targets": LABELS - 1}, "the smallest training label is -1: number the classes from 0"),
        ({"validation": (INPUTS, LABELS - 2)}, "the smallest validation label is -2"),
        ({"targets": LABELS * 2}, "the largest training label is 2 but the model has 2 outputs: .* at least 3"),
        ({"validation": (INPUTS, LABELS + 4)}, "the largest validation label is 5 but the model has 2 outputs"),
        ({"targets": LABELS * 0 + 1}, "all 20 training labels are 1: there is nothing to tell apart"),
        ({"validation": (INPUTS[:, :2], LABELS)}, r"training inputs are torch.float32 of shape \(3,\) each, but valid"),
        ({"validation": (INPUTS.double(), LABELS)}, "but validation inputs torch.float64"),
    ],
)
def test_bad_data_is_named(arguments, message):
    with pytest.raises(DataError, match=message):
        check_task(task(**arguments), 8)


def test_a_batch_must_fit_the_data():
    with pytest.raises(DataError, match="needs batch size <= 20, the number of training examples, got 21"):
        check_task(task(), 21)
    with pytest.raises(SpecError, match="needs batch size >= 1, got 0"):
        check_task(task(), 0)


SHARED = classify()


class TwoOutputs(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


class Unstable(nn.Linear):
    calls = 0

    def __init__(self):
        super().__init__(3, 2)
        type(self).calls += 1
        nn.init.constant_(self.weight, self.calls)


def spoiled() -> nn.Module:
    model = classify()
    nn.init.constant_(model.bias, float("nan"))
    return model


@pytest.mark.parametrize(
    ("make_model", "message"),
    [
        (lambda: "net", "make_model must return a torch nn.Module, got str"),
        (nn.Identity, "the model Identity has no trainable parameters"),
        (lambda: classify().requires_grad_(False), "the model Linear has no trainable parameters"),
        (lambda: SHARED, "make_model returned the same module twice"),
        (Unstable, "two models made with one seed differ in parameter weight"),
        (spoiled, "parameter bias is NaN or infinite at the start"),
        (
            lambda: nn.Linear(5, 2),
            r"the model does not accept a training batch, torch.float32 of shape \(8, 3\) \(RuntimeError: mat1 and mat2",
        ),
        (lambda: TwoOutputs(3, 2), "the model must return one tensor, got tuple"),
        (lambda: nn.Sequential(classify(), nn.Flatten(0)), r"the model returned shape \(16,\) for 8 examples"),
        (lambda: nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)), r"outputs have shape \(8,\) but the labels \(8,\)"),
    ],
)
def test_a_bad_model_is_named(make_model, message):
    with pytest.raises(TaskError, match=message):
        check_task(task(make_model), 8)


def test_a_model_that_fails_only_in_evaluation_is_named():
    class Trap(nn.Linear):
        def forward(self, x):
            if not self.training:
                raise KeyError("eval")
            return super().forward(x)

    with pytest.raises(TaskError, match=r"does not accept a validation batch.*KeyError: 'eval'"):
        check_task(task(lambda: Trap(3, 2)), 8)


def failing_loss(output, target):
    raise RuntimeError("no loss\ndetails")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"make_model": regress, "targets": NUMBERS[:, 0]},
            r"the model's outputs have shape \(8, 1\) but the targets \(8,\): give both one shape.*unsqueeze\(1\)",
        ),
        ({"make_model": regress, "targets": NUMBERS[:, 0], "loss": nn.MSELoss()}, "would be broadcast against each"),
        ({"loss": functional.mse_loss}, "the loss compares outputs with numbers, but the targets are torch.int64"),
        (
            {"targets": NUMBERS[:, 0], "loss": functional.cross_entropy},
            r"cross entropy got torch.float32 targets of shape \(8,\) for outputs of shape \(8, 2\)",
        ),
        (
            {"targets": NUMBERS[:, 0], "loss": functional.cross_entropy, "classification": True},
            "classification needs targets that are class indices, got torch.float32: use .long",
        ),
        ({"loss": failing_loss}, r"the loss does not accept outputs \(8, 2\) .* \(RuntimeError: no loss\)"),
        ({"loss": lambda output, _: output.mean().item()}, "must return a scalar tensor, got a float"),
        (
            {"loss": functools.partial(functional.cross_entropy, reduction="none")},
            r"must return a scalar tensor, got a tensor of shape \(8,\)",
        ),
        ({"loss": lambda output, _: output.detach().mean()}, "the loss does not depend on the model's parameters"),
        (
            {"loss": lambda output, _: torch.ones((), requires_grad=True) * 2},
            "does not depend on the model's trainable parameters",
        ),
        (
            {"loss": lambda output, target: functional.cross_entropy(output[:8], target.reshape(8))},
            "the loss fails on a batch of twice the size",
        ),
    ],
)
def test_a_loss_that_does_not_fit_is_named(arguments, message):
    with pytest.raises(TaskError, match=message):
        check_task(task(**arguments), 8)


def test_surprises_are_returned_not_raised():
    total = functools.partial(functional.cross_entropy, reduction="sum")
    assert "looks like a sum" in check_task(task(loss=total), 8)[0]
    flat = check_task(task(loss=lambda output, _: (0 * output).sum() + 1), 8)
    assert [w for w in flat if "exactly zero" in w]
    huge = task(regress, targets=torch.full((20, 1), 3e38))
    assert check_task(huge, 8) == ("the loss at initialization is inf although the data is finite",)
    squeezed = task(regress, targets=NUMBERS[:, 0], loss=lambda output, target: ((output[:, 0] - target) ** 2).mean())
    assert "would be broadcast if the loss subtracts them" in check_task(squeezed, 8)[0]


def test_a_parameter_without_use_is_a_surprise():
    class Spare(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.spare = nn.Parameter(torch.zeros(1))

    assert check_task(task(Spare), 8) == ("the loss does not depend on spare: they keep their initial values",)
