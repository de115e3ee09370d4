"""Reduce on plateau against torch, reading by reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.core.record import from_plain, to_plain
from etude.training.controllers import Plateau

PEAKS = np.array([0.1, 1.0, 3e-7])
VALUES = st.one_of(
    st.sampled_from([1.0, 0.5, 0.0, -1.0, math.nan, math.inf, -math.inf, 1.0001, 0.9999]), st.floats(-2, 2)
)


def by_torch(control: Plateau, readings: np.ndarray) -> np.ndarray:
    """Learning rates (T, K) of torch's scheduler, one optimizer per lane."""
    options: dict[str, Any] = {
        "mode": "max" if control.maximize else "min",
        "threshold_mode": "abs" if control.absolute else "rel",
    }
    options |= {n: getattr(control, n) for n in ("factor", "patience", "threshold", "cooldown", "min_lr", "eps")}
    columns = []
    for k, peak in enumerate(PEAKS):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], float(peak))
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        column = []
        for value in readings[:, k]:
            scheduler.step(float(value))
            column.append(optimizer.param_groups[0]["lr"])
        columns.append(column)
    return np.array(columns).T


def by_us(control: Plateau, readings: np.ndarray) -> np.ndarray:
    state = control.init(PEAKS)
    rows = []
    for row in readings:
        multiplier, state = control.update(state, {control.metric: row})
        rows.append(multiplier * PEAKS)
    return np.array(rows)


@given(
    readings=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=40),
    control=st.builds(
        Plateau,
        factor=st.sampled_from([0.1, 0.5, 0.99]),
        patience=st.integers(0, 3),
        threshold=st.sampled_from([0.0, 1e-4, 0.3]),
        cooldown=st.integers(0, 3),
        min_lr=st.sampled_from([0.0, 1e-3, 0.2]),
        eps=st.sampled_from([0.0, 1e-8, 0.02]),
        maximize=st.booleans(),
        absolute=st.booleans(),
    ),
)
@settings(max_examples=300, deadline=None)
def test_every_reading_gives_the_learning_rate_of_torch(
    readings: list[tuple[float, float, float]], control: Plateau
) -> None:
    values = np.array(readings)
    np.testing.assert_allclose(by_us(control, values), by_torch(control, values), rtol=1e-14)


def test_a_long_noisy_curve_is_reduced_at_the_steps_of_torch() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 3))
    curve = 1 / np.arange(1, 401)[:, None] + 0.02 * noise
    control = Plateau(patience=5, factor=0.5, cooldown=4)
    ours = by_us(control, curve)
    np.testing.assert_allclose(ours, by_torch(control, curve), rtol=1e-14)
    assert len(np.unique(ours[:, 0])) > 5


def test_an_update_changes_neither_its_state_nor_its_reading() -> None:
    control = Plateau(patience=0)
    before = control.init(PEAKS)
    copy, reading = {n: v.copy() for n, v in before.items()}, np.array([1.0, math.nan, 2.0])
    control.update(before, {"validation_loss": reading})
    for n, v in before.items():
        np.testing.assert_array_equal(v, copy[n])
    np.testing.assert_array_equal(reading, [1.0, math.nan, 2.0])


def test_it_can_be_stored_and_read_back() -> None:
    assert from_plain(to_plain(Plateau(patience=3, maximize=True))) == Plateau(patience=3, maximize=True)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"factor": 1.0}, "factor < 1"),
        ({"factor": 0.0}, "0 < factor"),
        ({"patience": -1}, "patience"),
        ({"threshold": math.nan}, "threshold"),
        ({"cooldown": -1}, "cooldown"),
        ({"min_lr": -1.0}, "min_lr"),
        ({"eps": math.inf}, "eps"),
    ],
)
def test_a_setting_out_of_range_is_named(options: dict[str, Any], names: str) -> None:
    with pytest.raises(SpecError, match=names):
        Plateau(**options)
