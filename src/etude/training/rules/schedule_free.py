"""Schedule-free SGD and AdamW."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from etude.core.errors import SpecError
from etude.training.rules.checks import check_at_least_zero, check_moments

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class ScheduleFreeSGD:
    r"""Schedule-free SGD: averaging in place of decay; it wants no schedule but a warm-up, and no horizon.

    .. math::
        y_t &= (1-\beta) z_t + \beta x_t, \qquad d_t = g(y_t) + \lambda y_t \\
        z_{t+1} &= z_t - \eta_t d_t, \qquad x_{t+1} = (1 - c_t) x_t + c_t z_{t+1}, \qquad
        c_t = \frac{\max_{i \le t} \eta_i^2}{\sum_{j \le t} \max_{i \le j} \eta_i^2}

    Gradients are taken at y, which are the weights in training; x is evaluated and kept (at constant η it is the mean of all
    z). Learning rates are 10 to 50 times those of SGD with momentum. Statistics of batch norm belong to y, not to x: a network
    with batch norm is evaluated worse than it is.

    Attributes:
        beta: β, in (0, 1); 0.9 as published, 0.95 to 0.98 for long runs.
        weight_decay: λ ≥ 0, taken at y.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Defazio et al. (2024), The road less scheduled. arXiv:2405.15682.

    Example:
        >>> ScheduleFreeSGD().beta
        0.9
    """

    fixed: ClassVar = ("beta",)
    """Hyperparameters that no schedule may change: x is implied by y and z through β."""

    beta: float = 0.9
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_beta("beta", self.beta)
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """The point z, and what the weights of the average need, one number per lane (K, 1, ..., 1)."""
        return _start(param)

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:  # noqa: ARG002
        """Make one step in place."""
        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        _move(param, grad, state, lr, self.beta)

    def evaluation(self, param: Tensor, state: State) -> Tensor:
        """The average x."""
        return param.lerp(state["z"], 1 - 1 / self.beta)


@final
@dataclass(frozen=True)
class ScheduleFreeAdamW:
    r"""Schedule-free AdamW: the averaging of ``ScheduleFreeSGD`` around steps scaled like Adam's.

    .. math::
        v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2, \qquad
        d_t = \frac{g_t}{\sqrt{v_t / (1-\beta_2^{t+1})} + \epsilon} + \lambda y_t

    and then y, z, x as there with β = β₁: the interpolation takes the place of the first moment. Learning rates are 1 to 10
    times those of AdamW with a schedule; a warm-up is advised.

    Attributes:
        beta1: β₁, in (0, 1), between z and x.
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0, outside the root.
        weight_decay: λ ≥ 0, decoupled from the moment and taken at y.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Defazio et al. (2024), The road less scheduled, algorithm 1. arXiv:2405.15682.

    Example:
        >>> ScheduleFreeAdamW().beta1
        0.9
    """

    fixed: ClassVar = ("beta1",)
    """Hyperparameters that no schedule may change: x is implied by y and z through β₁."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)
        _check_beta("beta1", self.beta1)

    def init(self, param: Tensor) -> State:
        """The point z, zero second moment, and the numbers per lane."""
        return _start(param) | {"second": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        second = state["second"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        root = math.sqrt(1 - self.beta2 ** (step + 1))
        grad.div_(second.sqrt().add_(self.eps * root))
        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay / root)
        _move(param, grad, state, lr, self.beta1, root)

    def evaluation(self, param: Tensor, state: State) -> Tensor:
        """The average x."""
        return param.lerp(state["z"], 1 - 1 / self.beta1)


def _start(param: Tensor) -> State:
    per_lane = (len(param), *[1] * (param.dim() - 1))
    return {"z": param.clone(), "peak": param.new_zeros(per_lane), "weight": param.new_zeros(per_lane)}


def _move(y: Tensor, direction: Tensor, state: State, lr: Tensor, beta: float, unit: float = 1.0) -> None:
    """Step y and z along ``unit`` times the direction; x stays implied by both, which saves its memory."""
    import torch  # late, so that a stored rule can be read without torch

    z, peak = state["z"], torch.maximum(state["peak"], lr, out=state["peak"])
    total = state["weight"].addcmul_(peak, peak)
    share = peak.square().div_(total).nan_to_num_(0.0)  # 0/0 while all learning rates were 0
    stride = lr.mul(beta - 1).addcmul_(lr, share, value=-beta)
    y.lerp_(z, share).addcmul_(direction, stride, value=unit)
    z.addcmul_(direction, lr, value=-unit)


def _check_beta(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise SpecError(f"needs 0 < {name} < 1, got {value}: 0.9 is usual, and at 0 there is no average to evaluate")
