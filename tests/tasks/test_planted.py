"""Planted faults are what they are called, and nothing else is changed."""

import numpy as np
import pytest
import torch
from torch import nn

from etude.tasks.checks import check_task
from etude.tasks.planted import DATA, NETWORKS, planted_task


def weights(network: str, seed: int = 0) -> list[torch.Tensor]:
    return [p.detach() for p in planted_task(network, "digits").init(seed).parameters() if p.dim() > 1]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_can_be_trained_and_its_layers_are_in_alphabetical_order(network: str) -> None:
    task = planted_task(network, "digits")
    check_task(task, 16)
    names = [name for name, part in task.init(0).named_children() if isinstance(part, nn.Linear)]
    assert names == sorted(names)
    assert names[-1] == "output"


def test_a_spread_is_that_of_its_gain() -> None:
    for network, gain in (("five-he", np.sqrt(2)), ("five-loud", 3.0)):
        for w in weights(network):
            assert w.std().item() * np.sqrt(w.shape[1]) == pytest.approx(gain, rel=0.1)


def test_scaled_layers_are_the_healthy_ones_times_a_number() -> None:
    for loud, plain in zip(weights("tanh-saturated")[:-1], weights("tanh")[:-1], strict=True):
        torch.testing.assert_close(loud, 20 * plain)
    torch.testing.assert_close(weights("tanh-saturated")[-1], weights("tanh")[-1])
    torch.testing.assert_close(weights("loud-output")[-1], 200 * weights("plain")[-1])
    torch.testing.assert_close(weights("loud-output")[0], weights("plain")[0])


def test_symmetric_units_are_equal() -> None:
    assert all(w.min() == w.max() for w in weights("symmetric"))


@pytest.mark.parametrize("data", DATA)
def test_held_out_data_is_never_touched(data: str) -> None:
    for mine, whole in zip(
        planted_task("plain", data).validation, planted_task("plain", "digits").validation, strict=True
    ):
        torch.testing.assert_close(mine, whole)


def test_damaged_copies_are_few_and_a_hundred_times_as_large() -> None:
    (x, y), (clean, labels) = planted_task("plain", "damaged").train, planted_task("plain", "repeated").train
    changed = (x != clean).flatten(1).any(dim=1)
    assert int(changed.sum()) == 24
    torch.testing.assert_close(x[changed], 100 * clean[changed])
    assert torch.equal(y, labels)


def test_as_many_labels_are_drawn_anew_as_is_said() -> None:
    (_, true), (_, noisy), (_, few) = (planted_task("plain", d).train for d in ("digits", "noisy", "few"))
    # One label in ten is drawn as it was.
    assert (true != noisy).double().mean().item() == pytest.approx(0.4 * 0.9, abs=0.04)
    assert (true[:300] != few).double().mean().item() == pytest.approx(0.5 * 0.9, abs=0.08)


def test_unrelated_inputs_tell_nothing_of_the_labels() -> None:
    x, y = planted_task("plain", "unrelated").train
    means = torch.stack([x[y == digit].mean(dim=0) for digit in range(10)])
    assert means.abs().max().item() < 5 / np.sqrt(len(y) / 12)
