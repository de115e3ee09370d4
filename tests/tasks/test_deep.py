"""Deep networks with a chosen initialization, against torch's own and against their variances."""

import math

import pytest
import torch
from torch import nn

from etude.core.errors import TaskError
from etude.tasks.deep import SequenceRNN, deep_mlp, deep_task, sequence_task
from etude.tasks.task import Task


def hidden(init: str | float, activation: str = "relu") -> list[nn.Linear]:
    torch.manual_seed(0)
    return [m for m in deep_mlp(200, 300, 2, 10, activation, init) if isinstance(m, nn.Linear)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("init", "variance"),
    [("default", 1 / (3 * 200)), ("xavier", 2 / 500), ("he", 2 / 200), (0.7, 0.49 / 200), (math.sqrt(2), 2 / 200)],
)
def test_weights_have_the_variance_of_their_scheme(init, variance) -> None:
    first = hidden(init)[0]
    assert float(first.weight.detach().var()) == pytest.approx(variance, rel=0.03)
    assert bool(first.bias.any()) == (init == "default")


def test_the_default_is_what_torch_draws() -> None:
    torch.manual_seed(3)
    plain = nn.Linear(20, 30)
    torch.manual_seed(3)
    assert torch.equal(next(m for m in deep_mlp(20, 30, 2, 5) if isinstance(m, nn.Linear)).weight, plain.weight)


@pytest.mark.parametrize(("activation", "gain"), [("relu", math.sqrt(2)), ("tanh", 1.0)])
def test_an_orthogonal_matrix_keeps_lengths_up_to_its_gain(activation, gain) -> None:
    W = hidden("orthogonal", activation)[1].weight
    torch.testing.assert_close(W @ W.T, gain**2 * torch.eye(300), atol=1e-5, rtol=0)


def test_the_recurrent_network_reads_pieces_in_their_order() -> None:
    torch.manual_seed(0)
    net = SequenceRNN(inputs=6, times=3, hidden=4, outputs=2, init="orthogonal")
    x = torch.arange(12.0).reshape(2, 1, 2, 3)
    h = torch.zeros(2, 4)
    for t in range(3):
        piece = x.flatten(1)[:, 2 * t : 2 * t + 2]
        W, V = net.rnn.weight_ih_l0, net.rnn.weight_hh_l0
        h = torch.tanh(piece @ W.T + net.rnn.bias_ih_l0 + h @ V.T + net.rnn.bias_hh_l0)
    torch.testing.assert_close(net(x), net.head(h))


def test_an_example_is_cut_into_as_many_pieces_as_divide_it() -> None:
    data = Task("data", lambda: nn.Linear(6, 2), (torch.randn(8, 6), torch.arange(8) % 2), None)
    model = sequence_task(data, "rnn", times=4, hidden=3, init="default").init(0)
    assert isinstance(model, SequenceRNN)
    assert model.times == 3


def test_targets_that_are_numbers_are_refused() -> None:
    data = Task("line", lambda: nn.Linear(1, 1), (torch.randn(8, 1), torch.randn(8, 1)), None)
    with pytest.raises(TaskError, match="needs a task with classes, got 'line'"):
        deep_task(data, "deep", 4, 2, "relu", "he")
