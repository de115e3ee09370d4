"""Data that the problems of the finder's scoreboard need beside those of ``sources``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from sources import fashion
from torch import Tensor, nn
from torch.nn import functional

from etude.tasks.models import mlp
from etude.tasks.task import Task
from finding.nets import small_cnn

Pair = tuple[Tensor, Tensor]
Weights = dict[str, Tensor]
_TRAINING, _HELD_OUT = 4000, 1000


def clothing(every: int, make_model: Callable[[], nn.Module]) -> Task:
    """Clothing of 14×14 pixels or every second of them: 4000 pictures to train on, 1000 to validate."""
    train, held_out = _pictures()

    def thinned(pair: Pair) -> Pair:
        return pair[0][:, :, ::every, ::every], pair[1]

    return Task("clothing", make_model, _first(thinned(train), _TRAINING), _first(thinned(held_out), _HELD_OUT))


def most_frequent(symbols: int, make_model: Callable[[], nn.Module]) -> Task:
    """As many tokens as there are symbols, one-hot; the class is the most frequent symbol, the first one of equals."""
    tokens = torch.randint(symbols, (_TRAINING + _HELD_OUT, symbols), generator=torch.Generator().manual_seed(7))
    ones = functional.one_hot(tokens, symbols)
    return _sequences("most-frequent", ones, ones.sum(1).argmax(1), make_model)


def marked_symbol(length: int, symbols: int, make_model: Callable[[], nn.Module]) -> Task:
    """Tokens of which symbol 0 is a marker; the class is the symbol after the last marker, or 0 when none follows one."""
    tokens = torch.randint(symbols, (_TRAINING + _HELD_OUT, length), generator=torch.Generator().manual_seed(8))
    after = torch.where(tokens[:, :-1] == 0, torch.arange(1, length), 0).amax(1)
    marked = tokens.gather(1, after.unsqueeze(1)).squeeze(1)
    return _sequences("marked", functional.one_hot(tokens, symbols), torch.where(after > 0, marked, 0), make_model)


def upper_clothing() -> Task:
    """A CNN that was trained on the first five kinds of clothing gets a new head for the last five, 640 pictures."""
    make = _clothing_cnn
    train, held_out = _pictures()
    body = {name: w for name, w in _trained_cnn().items() if not name.startswith("5.")}

    def upper(pair: Pair) -> Pair:
        x, y = pair
        return x[y >= 5], y[y >= 5] - 5

    return Task("upper-clothing", lambda: _with(make(), body), _first(upper(train), 640), upper(held_out))


def rotated_clothing() -> Task:
    """A network that was trained on clothing goes on with pictures turned by a right angle, a thousand of them."""
    make = _clothing_mlp
    (x, y), (vx, vy) = _pictures()
    train, held_out = (x[:1000].rot90(dims=(2, 3)), y[:1000]), (vx[:_HELD_OUT].rot90(dims=(2, 3)), vy[:_HELD_OUT])
    return Task("rotated-clothing", lambda: _with(make(), _trained_mlp()), train, held_out)


@cache
def _pictures() -> tuple[Pair, Pair]:
    """The pictures of ``worlds.fashion``, read once and without the rest of the data set in memory."""
    task = fashion(_clothing_mlp)
    (x, y), (vx, vy) = task.train, task.validation
    return (x.contiguous(), y), (vx.contiguous(), vy)


def _clothing_cnn() -> nn.Module:
    return small_cnn(14, 5, nn.ReLU)


def _clothing_mlp() -> nn.Module:
    return mlp(196, (96,), 10)


@cache
def _trained_cnn() -> Weights:
    x, y = _pictures()[0]
    return _trained(_clothing_cnn, (x[y < 5], y[y < 5]), 300)


@cache
def _trained_mlp() -> Weights:
    return _trained(_clothing_mlp, _pictures()[0], 500)


def _trained(make_model: Callable[[], nn.Module], pair: Pair, steps: int) -> Weights:
    """Weights after some steps of Adam at η = 0.001, the same at each call."""
    task = Task("to-start-from", make_model, pair, pair)
    model = task.init(0)
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(steps):
        inputs, targets = task.batch(0, step, 64)
        optimizer.zero_grad()
        task.loss(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return {name: w.detach().clone() for name, w in model.state_dict().items()}


def _with(model: nn.Module, weights: Weights) -> nn.Module:
    model.load_state_dict(weights, strict=False)
    return model


def _first(pair: Pair, count: int) -> Pair:
    return pair[0][:count], pair[1][:count]


def _sequences(name: str, ones: Tensor, classes: Tensor, make_model: Callable[[], nn.Module]) -> Task:
    """One-hot tokens (N, T, V) as images of one channel."""
    x = (ones.float() - ones.float().mean()).unsqueeze(1) * 3
    return Task(name, make_model, (x[:_TRAINING], classes[:_TRAINING]), (x[_TRAINING:], classes[_TRAINING:]))
