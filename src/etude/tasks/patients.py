"""Networks of the gallery beyond those that ``tasks.planted`` has: recurrent, normalized, linear, born dead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from etude.tasks.data import load_images
from etude.tasks.deep import SequenceRNN, with_model
from etude.tasks.models import cnn, mlp
from etude.tasks.planted import CLASSES, NETWORKS, PIXELS, SHALLOW, Planted, planted_task, scale_hidden, scale_output
from etude.tasks.regression import digits_ridge
from etude.tasks.task import Task

if TYPE_CHECKING:
    from torch import nn

SIDE, PIECES, STATES = 8, 32, 32
PENALTY = 1e-3
QUIET = 0.6
"""Gain of the linear map's first weights, which lets its outputs begin no louder than its targets are."""


def lower_biases(by: float, model: nn.Module) -> None:
    """Lower the biases of all hidden layers, further than any input reaches."""
    for p in [p for p in model.parameters() if p.dim() == 1][:-1]:
        p.sub_(by)


_plain = partial(mlp, PIXELS, SHALLOW, CLASSES)
_normed = partial(cnn, 1, SIDE, CLASSES, batch_norm=True)
_recurrent = partial(SequenceRNN, PIXELS, PIECES, STATES, CLASSES)

OWN: Mapping[str, Callable[[], nn.Module]] = {
    "born-dead": Planted(_plain, partial(lower_biases, 8.0)),
    "normed": _normed,
    "normed-long": Planted(_normed, partial(scale_hidden, 100.0)),
    "recurrent": _recurrent,
    "recurrent-loud": partial(_recurrent, 3.0),
}
"""Networks by name. A recurrent one reads its picture two pixels at a time; ``loud`` draws its matrix from N(0, 9/n)."""


def patient_task(network: str, data: str) -> Task:
    """The task of this name, ``"NETWORK on DATA"``.

    Example:
        >>> patient_task("linear", "digits").classification
        False
    """
    if network in NETWORKS:
        return planted_task(network, data)
    if network == "linear":
        ridge = digits_ridge(PENALTY)
        return with_model(ridge, f"{network} on {data}", Planted(ridge.make_model, partial(scale_output, QUIET)))
    images = load_images(data)
    return Task(f"{network} on {data}", OWN[network], images.train, images.validation)
