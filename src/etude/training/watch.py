"""What a step keeps for those who measure it, and what they say of it."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from etude.core.gradients import Params
from etude.core.measure import Columns, Moment, StepMeasure
from etude.training.lanes import Lanes


@final
class Watch:
    """Reads the step measures of K lanes.

    A step overwrites its gradients and its weights, so they are copied; where nobody reads them nothing is.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._measures = [m for m in lanes.shared.measures if isinstance(m, StepMeasure)]
        control = lanes.shared.controller
        self._compares_grads = bool(self._measures) or (control is not None and "gradient_cosine" in control.reads)
        if self._compares_grads and not lanes.last_grads:
            lanes.last_grads = _zeros(lanes.params)
        if self._measures and not lanes.last_update:
            lanes.last_update = _zeros(lanes.params)

    def before(self, lanes: Lanes, grads: Params) -> tuple[Params, Params]:
        """Copies of the gradients before clipping and of the weights before the update, as far as they will be read."""
        # In the parameters' order, for a sum over all of them rounds differently in another.
        ordered = {name: grads[name] for name in lanes.params}
        return _copies(ordered) if self._compares_grads else {}, _copies(lanes.params) if self._measures else {}

    def after(
        self, lanes: Lanes, loss: Tensor, kept: tuple[Params, Params], clip_factor: Tensor | None, lr: Tensor
    ) -> Columns:
        """Columns of the step that was just made, and remember it for the next one."""
        grads, params = kept
        if not self._measures:
            lanes.last_grads = grads
            return {}
        moment = Moment(
            step=lanes.step,
            loss=loss,
            params=params,
            grads=grads,
            clip_factor=torch.ones_like(loss) if clip_factor is None else clip_factor,
            update={name: p - params[name] for name, p in lanes.params.items()},
            lr=lr,
            last_grads=lanes.last_grads,
            last_update=lanes.last_update,
        )
        lanes.last_grads, lanes.last_update = moment.grads, moment.update
        return {name: value for m in self._measures for name, value in m.at_step(moment).items()}


def _copies(tensors: Params) -> Params:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _zeros(tensors: Params) -> Params:
    return {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
