"""Controllers at work: readings in, multipliers of the learning rate out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import numpy as np
from torch import Tensor

from etude.core.controller import STEP_READINGS, PerLane
from etude.core.errors import SpecError
from etude.core.gradients import Params
from etude.training.lanes import Lanes
from etude.training.vectors import cosines, norms


def reads_steps(lanes: Lanes) -> bool:
    """Whether the lanes have controllers that read something before every update."""
    control = lanes.shared.controller
    return control is not None and control.reads[0] in STEP_READINGS


def reads_evaluations(lanes: Lanes) -> bool:
    """Whether the lanes have controllers that read evaluations."""
    return lanes.shared.controller is not None and not reads_steps(lanes)


def step_reading(lanes: Lanes, loss: Tensor, grads: Params) -> dict[str, PerLane]:
    """What the controllers read of a step before the update: from losses (K,) and gradients before clipping."""
    control = lanes.shared.controller
    assert control is not None
    reading = {}
    if "loss" in control.reads:
        reading["loss"] = _per_lane(loss)
    if "gradient_norm" in control.reads:
        reading["gradient_norm"] = _per_lane(norms(grads))
    if "gradient_cosine" in control.reads:
        reading["gradient_cosine"] = _per_lane(cosines(grads, lanes.last_grads))
    return reading


def steer(lanes: Lanes, reading: Mapping[str, PerLane]) -> None:
    """Give the lanes' controllers a reading, each entry (K,), and the lanes the multipliers that follow from it.

    Raises:
        SpecError: When the reading lacks what they read, such as the accuracy of a regression.
    """
    control = lanes.shared.controller
    assert control is not None
    for name in control.reads:
        if name not in reading:
            raise SpecError(f"a controller cannot read {name}: this task's evaluations have {', '.join(reading)}")
    row, multipliers, states = 0, [], []
    for own, specs in groupby(lanes.living, lambda spec: spec.controller):
        assert own is not None
        peaks = np.array([spec.peak_lr for spec in specs])
        rows = slice(row, row := row + len(peaks))
        state = {name: value[rows] for name, value in lanes.control.items()} or own.init(peaks)
        with np.errstate(all="ignore"):  # a lane that diverges is data
            multiplier, state = own.update(state, {name: value[rows] for name, value in reading.items()})
        multipliers.append(multiplier)
        states.append(state)
    lanes.multiplier = np.concatenate(multipliers)
    lanes.control = {name: np.concatenate([state[name] for state in states]) for name in states[0]}


def _per_lane(values: Tensor) -> PerLane:
    return np.asarray(values.detach().cpu().double().numpy())
