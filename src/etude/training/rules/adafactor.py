"""Adafactor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.errors import SpecError
from etude.training.rules.checks import check_at_least_zero, check_positive
from etude.training.rules.lanewise import lane_norm

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Adafactor:
    r"""Adafactor: a second moment kept as one row and one column, and steps relative to the size of the weights.

    .. math::
        \beta_t &= (t+1)^{c}, \quad R_t = (1-\beta_t) R_{t-1} + \beta_t \overline{g_t^2}^{\,row}, \quad
        C_t = (1-\beta_t) C_{t-1} + \beta_t \overline{g_t^2}^{\,col} \\
        v_t &= \frac{R_t C_t}{\max(\overline{R_t}, \epsilon_1)}, \qquad
        u_t = \frac{g_t}{\sqrt{\max(v_t, \epsilon_1^2)}} \\
        w_{t+1} &= (1 - \eta_t \lambda) w_t - \max(\epsilon_2, \operatorname{rms} w_t)\,
            \min\!\left(\eta_t, \tfrac{1}{\sqrt{t+1}}\right) \frac{u_t}{\max(1, \operatorname{rms}(u_t)/d)}

    The factors are over the last two axes; a vector keeps its whole second moment. The rms is over the tensor, within a lane.

    Attributes:
        decay: c < 0: how fast the averages come to remember; the published -0.8.
        eps1: ε₁ > 0 keeps the denominators from 0; ``None`` for the machine epsilon of the weights, as in torch.
        eps2: ε₂ > 0 lets weights that are zero grow.
        clip: d > 0, most rms of a step before scaling.
        capped: Keep the learning rate below 1/√(t+1), as published; it makes all η above that alike, so switch it off to see
            what a large learning rate does.
        weight_decay: λ ≥ 0, decoupled.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Shazeer & Stern (2018), Adafactor, algorithms 4 and 5. arXiv:1804.04235.

    Example:
        >>> Adafactor(capped=False).decay
        -0.8
    """

    decay: float = -0.8
    eps1: float | None = None
    eps2: float = 1e-3
    clip: float = 1.0
    capped: bool = True
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if not -math.inf < self.decay < 0:
            raise SpecError(f"needs decay < 0, got {self.decay}: -0.8 is usual")
        if self.eps1 is not None:
            check_positive("eps1", self.eps1, "1e-7")
        check_positive("eps2", self.eps2, "1e-3")
        check_positive("clip", self.clip, "1")
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero averages: a column of row means and a row of column means, or the whole for a vector."""
        if param.dim() < 3:
            return {"second": param.new_zeros(param.shape)}
        *front, rows, columns = param.shape
        return {"rows": param.new_zeros((*front, rows, 1)), "columns": param.new_zeros((*front, 1, columns))}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        import torch

        eps1 = torch.finfo(param.dtype).eps if self.eps1 is None else self.eps1
        rate = lr.clamp(max=(step + 1) ** -0.5) if self.capped else lr
        size = _rms(param).clamp_(min=self.eps2)
        if self.weight_decay:
            param.mul_(1 - lr * self.weight_decay)
        second = _second_moment(grad.square(), state, (step + 1) ** self.decay, eps1)
        update = second.clamp_(min=eps1**2).rsqrt_().mul_(grad)
        excess = _rms(update).div_(self.clip).clamp_(min=1)
        param.addcmul_(update, size * rate / excess, value=-1)


def _second_moment(square: Tensor, state: State, weight: float, eps: float) -> Tensor:
    if "second" in state:
        return state["second"].lerp_(square, weight).clone()
    rows = state["rows"].lerp_(square.mean(-1, keepdim=True), weight)
    columns = state["columns"].lerp_(square.mean(-2, keepdim=True), weight)
    return (rows * columns).div_(rows.mean(-2, keepdim=True).clamp_(min=eps))


def _rms(values: Tensor) -> Tensor:
    return lane_norm(values).div_(math.sqrt(values[0].numel()))
