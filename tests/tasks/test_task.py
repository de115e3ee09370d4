import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from etude.core.errors import DataError, TaskError
from etude.core.task import Task as TaskProtocol
from etude.tasks.task import Task


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def numbered(size: int, **options) -> Task:
    """Example i is (i, i, i), so that every row tells which it is."""
    rows = torch.arange(size, dtype=torch.float32)
    return Task("numbered", net, (rows[:, None].expand(size, 3), torch.arange(size) % 2), **options)


def seen(task: Task, seed: int, step: int, batch_size: int) -> list[int]:
    return task.batch(seed, step, batch_size)[0][:, 0].long().tolist()


def whole(size: int) -> Task:
    rows = torch.arange(size, dtype=torch.float32)
    data = rows[:, None].expand(size, 3), torch.arange(size) % 2
    return Task("whole", net, data, data)


def test_a_task_is_what_the_core_calls_one():
    task: TaskProtocol = numbered(10)
    assert task.name == "numbered"


@given(size=st.integers(2, 40), batch_size=st.integers(1, 40), seed=st.integers(0, 2**32), epoch=st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_the_batches_of_an_epoch_hold_no_example_twice_and_leave_out_less_than_a_batch(size, batch_size, seed, epoch):
    task = whole(size)
    steps = size // batch_size
    rows = [row for step in range(steps) for row in seen(task, seed, epoch * steps + step, batch_size)]
    assert len(set(rows)) == len(rows) == steps * batch_size
    assert size - len(rows) < batch_size
    assert set(rows) <= set(range(size))


@given(steps=st.lists(st.integers(0, 60), min_size=1, max_size=10), seeds=st.lists(st.integers(0, 3), min_size=1))
@settings(max_examples=40, deadline=None)
def test_a_batch_is_the_same_whatever_was_asked_before(steps, seeds):
    fresh, used = whole(17), whole(17)
    for seed in seeds:
        for step in steps:
            used.batch(seed, step, 4)
    assert seen(used, seeds[0], steps[-1], 4) == seen(fresh, seeds[0], steps[-1], 4)


def test_epochs_are_different_orders_of_the_same_examples():
    task = whole(32)
    first, second = ([r for s in range(4) for r in seen(task, 0, 4 * epoch + s, 8)] for epoch in range(2))
    assert sorted(first) == sorted(second) == list(range(32))
    assert first != second


def test_inputs_and_targets_stay_together():
    task = whole(30)
    inputs, targets = task.batch(5, 3, 10)
    assert torch.equal(inputs[:, 0].long() % 2, targets)
    inputs, targets = task.examples("validation")
    assert torch.equal(inputs[:, 0].long() % 2, targets)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(DataError, match="needs batch size <= 8, the training examples, got 9"):
        numbered(10).batch(0, 0, 9)


def test_equal_seeds_make_equal_weights_and_different_seeds_different_ones():
    task = numbered(10)
    first, again, other = (task.init(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first)


def test_initial_weights_are_those_that_torch_draws_after_manual_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        expected = net().state_dict()
    model = numbered(10).init(9)
    assert model.training
    assert all(torch.equal(expected[key], value) for key, value in model.state_dict().items())


def test_nothing_a_task_does_touches_the_global_generator():
    before = torch.random.get_rng_state()
    task = numbered(20)
    task.init(3)
    task.batch(0, 0, 4)
    task.examples("train", 3)
    assert task.fingerprint
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_global_generator_does_not_touch_a_task():
    torch.manual_seed(1)
    first = numbered(20)
    torch.manual_seed(2)
    second = numbered(20)
    assert first.fingerprint == second.fingerprint
    assert torch.equal(first.init(0)[0].weight, second.init(0)[0].weight)
    assert torch.equal(first.examples("validation")[0], second.examples("validation")[0])


def test_a_fifth_is_held_out_and_no_example_is_in_both_splits():
    task = numbered(103)
    train, held_out = (set(task.examples(split)[0][:, 0].long().tolist()) for split in ("train", "validation"))
    assert (task.size("train"), task.size("validation")) == (83, 20)
    assert train | held_out == set(range(103))
    assert not train & held_out


def test_the_first_examples_are_a_prefix_of_all_of_them():
    task = numbered(50)
    for split in ("train", "validation"):
        everything, few = task.examples(split), task.examples(split, 5)
        assert torch.equal(everything[0][:5], few[0])
        assert torch.equal(everything[1][:5], few[1])
    assert task.examples("train")[0][:, 0].tolist() != sorted(task.examples("train")[0][:, 0].tolist())


def test_the_default_losses_are_cross_entropy_and_the_plain_mean_square():
    output = torch.tensor([[1.0, -1.0], [0.5, 2.0], [0.0, 0.0]], dtype=torch.float64)
    labels, numbers = torch.tensor([0, 0, 1]), torch.ones(3, 2, dtype=torch.float64)
    classes = Task("c", net, (torch.zeros(3, 3), labels), (torch.zeros(3, 3), labels))
    regression = Task("r", net, (torch.zeros(3, 3), numbers), (torch.zeros(3, 3), numbers))
    picked = torch.stack([output[0, 0], output[1, 0], output[2, 1]])
    assert torch.isclose(classes.loss(output, labels), (output.exp().sum(1).log() - picked).mean())
    assert torch.isclose(regression.loss(output, numbers), ((output - 1) ** 2).sum() / 6)


def test_accuracy_is_the_share_of_right_answers_and_regression_has_none():
    task = numbered(10)
    output = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]])
    assert task.metrics(output, torch.tensor([0, 1, 1])) == {"accuracy": pytest.approx(2 / 3)}
    regression = Task("r", net, (torch.zeros(5, 3), torch.zeros(5, 2)))
    assert regression.metrics(torch.zeros(5, 2), torch.zeros(5, 2)) == {}


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (None, True),
        (functional.cross_entropy, True),
        (functools.partial(functional.cross_entropy, label_smoothing=0.1), True),
        (nn.CrossEntropyLoss(label_smoothing=0.1), True),
        (lambda output, _: output.mean(), False),
    ],
)
def test_integer_targets_with_cross_entropy_are_classification(loss, expected):
    assert numbered(10, loss=loss).classification is expected


def test_classification_with_a_loss_of_ones_own_can_be_declared():
    assert numbered(10, loss=lambda output, _: output.mean(), classification=True).classification


def test_small_integer_labels_become_indices_that_torch_accepts():
    task = Task("bytes", net, (torch.zeros(6, 3), torch.tensor([0, 1, 0, 1, 0, 1], dtype=torch.uint8)))
    inputs, targets = task.batch(0, 0, 4)
    assert targets.dtype == torch.int64
    assert torch.isfinite(task.loss(task.init(0)(inputs), targets))


def test_token_ids_stay_integers():
    task = Task("tokens", lambda: nn.Embedding(7, 2), (torch.arange(7), torch.zeros(7, 2)))
    assert task.batch(0, 0, 3)[0].dtype == torch.int64
    assert task.to(dtype=torch.float64).batch(0, 0, 3)[0].dtype == torch.int64


def test_the_float64_task_has_the_same_values_in_the_same_order():
    task = numbered(20)
    double = task.to(dtype=torch.float64)
    for (wide, label), (narrow, expected) in [(double.batch(1, 2, 5), task.batch(1, 2, 5))]:
        assert wide.dtype == torch.float64
        assert torch.equal(wide, narrow.double())
        assert torch.equal(label, expected)
    weights, expected = double.init(4).state_dict(), task.init(4).state_dict()
    assert all(torch.equal(weights[key], expected[key].double()) for key in expected)
    assert double.classification


def changed(task: Task, split: int, part: int) -> Task:
    pairs = [[t.clone() for t in pair] for pair in (task.train, task.validation)]
    pairs[split][part].view(-1)[-1] += 1
    return Task(task.name, task.make_model, *(tuple(pair) for pair in pairs), loss=task.criterion)


@pytest.mark.parametrize("split", [0, 1])
@pytest.mark.parametrize("part", [0, 1])
def test_one_changed_value_changes_the_fingerprint(split, part):
    task = numbered(10)
    assert changed(task, split, part).fingerprint != task.fingerprint


def test_the_fingerprint_depends_on_model_and_loss_but_not_on_the_object():
    data = torch.zeros(10, 3), torch.arange(10) % 2
    tasks = [
        Task("t", net, data),
        Task("t", nn.Identity, data),
        Task("t", lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), data),
        Task("t", lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), data),
        Task("t", net, data, loss=functools.partial(functional.cross_entropy, label_smoothing=0.1)),
        Task("t", net, data, loss=functools.partial(functional.cross_entropy, label_smoothing=0.2)),
        Task("t", net, data, loss=nn.CrossEntropyLoss(label_smoothing=0.1)),
        Task("t", net, data).to(dtype=torch.float64),
    ]
    assert len({task.fingerprint for task in tasks}) == len(tasks)
    assert Task("t", lambda: net(), data).fingerprint == tasks[0].fingerprint
    assert len(tasks[0].fingerprint) == 16


def test_a_task_cannot_be_changed():
    with pytest.raises(AttributeError):
        numbered(10).name = "other"


def broken_model():
    raise RuntimeError("no weights\nand more")


@pytest.mark.parametrize(
    ("make_model", "message"),
    [
        (broken_model, r"the model cannot be made \(RuntimeError: no weights\): correct make_model"),
        (lambda: 3, "make_model must return a torch nn.Module, got int"),
    ],
)
def test_a_model_that_cannot_be_made_is_one_sentence(make_model, message):
    task = Task("bad", make_model, (torch.zeros(10, 3), torch.arange(10) % 2))
    with pytest.raises(TaskError, match=message):
        task.init(0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"make_model": net()}, None, None),
        ({"make_model": 3}, TaskError, "make_model must be callable, got int"),
        ({"loss": "mse"}, TaskError, "loss must be callable, got str"),
        ({"train": (torch.zeros(3, 1), torch.zeros(2))}, DataError, "train has 3 inputs but 2 targets"),
        ({"train": (torch.zeros(0, 1), torch.zeros(0))}, DataError, "train is empty"),
        ({"train": (torch.zeros(1, 1), torch.zeros(1))}, DataError, "needs at least 2 training examples .* got 1"),
        ({"validation": (torch.zeros(0, 1), torch.zeros(0))}, DataError, "validation is empty"),
    ],
)
def test_what_is_no_task_is_refused_at_once(arguments, error, message):
    whole_arguments = {"make_model": net, "train": (torch.zeros(5, 3), torch.zeros(5))} | arguments
    if error is None:
        with pytest.raises(TaskError, match="cannot be made"):
            Task("x", **whole_arguments).init(0)
        return
    with pytest.raises(error, match=message):
        Task("x", **whole_arguments)
