import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from etude.core.errors import DataError, TaskError
from etude.tasks import examples
from etude.tasks.examples import materialize


class Items(Dataset):
    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Unsized(Dataset):
    def __getitem__(self, index):
        return torch.zeros(2), 0


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.zeros(2), 0


class Noisy(Items):
    def __getitem__(self, index):
        return torch.rand(2), 0


def test_a_pair_of_tensors_is_taken_as_it_is():
    inputs, targets = torch.rand(4, 2), torch.arange(4)
    got = materialize((inputs, targets), "train")
    assert got[0].data_ptr() == inputs.data_ptr()
    assert torch.equal(got[1], targets)


def test_a_data_set_is_stacked_in_its_own_order():
    inputs, targets = torch.rand(6, 2, 3), torch.arange(6)
    chosen = Subset(TensorDataset(inputs, targets), [4, 1, 3])
    got = materialize(chosen, "train")
    assert torch.equal(got[0], inputs[[4, 1, 3]])
    assert torch.equal(got[1], targets[[4, 1, 3]])


def test_arrays_and_numbers_become_tensors():
    inputs, targets = materialize(Items((np.ones(2, np.float32), 1), (np.zeros(2, np.float32), 0)), "train")
    assert inputs.dtype == torch.float32
    assert targets.tolist() == [1, 0]
    assert materialize(Items((0.5, np.int64(1)), (1.5, np.int64(2))), "train")[0].tolist() == [0.5, 1.5]


def test_random_transforms_are_drawn_once_and_leave_the_generator_alone():
    before = torch.random.get_rng_state()
    first, second = (materialize(Noisy(1, 2, 3), "train")[0] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (Stream(), TaskError, "train must be a pair of tensors .* got Stream: collect an iterable"),
        (Unsized(), TaskError, "train must be a pair of tensors .* got Unsized"),
        (3, TaskError, "train must be .* got int"),
        ((torch.zeros(3),), TaskError, r"must be a pair of tensors \(inputs, targets\), got \(Tensor\)"),
        ((np.zeros(3), torch.zeros(3)), TaskError, r"got \(ndarray, Tensor\): convert with torch.tensor"),
        ((torch.tensor(1.0), torch.zeros(3)), DataError, "train inputs need the examples along their first axis"),
        (Items(), DataError, "train is empty"),
        (Items({"x": 1, "y": 2}), TaskError, r"item 0 must be a pair \(input, target\), got a dict"),
        (Items((1, 2, 3)), TaskError, "got a tuple of 3"),
        (Items("ab"), TaskError, "got a str of 2"),
        (Items((torch.zeros(2), "cat")), TaskError, "item 0 holds a str, needs tensors"),
        (
            Items((torch.zeros(2), 0), (torch.zeros(3), 0)),
            DataError,
            r"input 1 of train has shape \(3,\) and torch.float32, but input 0 \(2,\) and torch.float32: give",
        ),
        (Items((torch.zeros(2), 0), (torch.zeros(2), 0.5)), DataError, "target 1 of train has shape .*float"),
    ],
)
def test_what_cannot_be_stacked_is_named(data, error, message):
    with pytest.raises(error, match=message):
        materialize(data, "train")


def test_an_item_that_fails_is_named_with_its_reason():
    class Failing(Items):
        def __getitem__(self, index):
            raise OSError("disk gone")

    with pytest.raises(TaskError, match=r"train item 0 cannot be read \(OSError: disk gone\)"):
        materialize(Failing(1), "train")


def test_a_length_that_fails_is_named_with_its_reason():
    class Failing(Items):
        def __len__(self):
            raise NotImplementedError

    with pytest.raises(TaskError, match=r"train has no length \(NotImplementedError\)"):
        materialize(Failing(1), "train")


def test_more_than_fits_in_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(examples, "LIMIT_BYTES", 2**20)
    with pytest.raises(DataError, match=r"train needs 0\.0 GiB as tensors \(300 examples\), more than"):
        materialize(TensorDataset(torch.zeros(300, 1000), torch.zeros(300)), "train")
