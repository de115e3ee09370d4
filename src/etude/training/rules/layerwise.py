"""LARS and LAMB: steps in proportion to the layer's weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_at_least_zero, check_fraction, check_moments, check_positive
from etude.training.rules.lanewise import lane_norm

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class LARS:
    r"""LARS: momentum SGD whose gradient is scaled, layer by layer, to a fraction of the weights.

    .. math::
        q_t &= c\,\frac{\|w_t\|}{\|g_t\| + \lambda \|w_t\|}, \qquad m_t = \beta m_{t-1} + q_t (g_t + \lambda w_t) \\
        w_{t+1} &= w_t - \eta_t m_t

    Norms are over one tensor, within a lane. Biases and norm layers (tensors of fewer than two axes) follow plain momentum
    SGD without decay; so does a layer whose weights or gradient are all zero (q = 1), which else could never leave zero.
    η multiplies the momentum when it is applied, as in ``SGD``; in the paper it enters the momentum.

    Attributes:
        momentum: β, in [0, 1).
        trust: c > 0, the fraction; the published 0.001.
        weight_decay: λ ≥ 0.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        You, Gitman & Ginsburg (2017), Large batch training of convolutional networks, algorithm 1. arXiv:1708.03888.

    Example:
        >>> LARS().trust
        0.001
    """

    momentum: float = 0.9
    trust: float = 1e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("momentum", self.momentum)
        check_positive("trust", self.trust, "1e-3")
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero velocity; no state at all without momentum."""
        return {"velocity": param.new_zeros(param.shape)} if self.momentum else {}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:  # noqa: ARG002
        """Make one step in place."""
        if _is_weight(param):
            weights = lane_norm(param)
            ratio = _trust_ratio(weights, lane_norm(grad) + self.weight_decay * weights, self.trust)
            grad.add_(param, alpha=self.weight_decay).mul_(ratio)
        direction = state["velocity"].mul_(self.momentum).add_(grad) if self.momentum else grad
        param.addcmul_(direction, lr, value=-1)


@final
@dataclass(frozen=True)
class LAMB:
    r"""LAMB: Adam's direction, scaled layer by layer to the length of the weights.

    .. math::
        u_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda w_t, \qquad
        w_{t+1} = w_t - \eta_t \frac{\|w_t\|}{\|u_t\|} u_t

    with the bias-corrected moments of ``Adam``. Norms are over one tensor, within a lane. So η is the relative length of a
    step: ‖Δw‖ = η‖w‖. Biases and norm layers (tensors of fewer than two axes) follow Adam without decay, as in the authors'
    experiments; a layer of zeros takes Adam's step too, else it could never leave zero.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0, outside the root; the published 1e-6.
        weight_decay: λ ≥ 0; the published 0.01.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        You et al. (2020), Large batch optimization for deep learning, algorithm 2 with φ(z) = z. arXiv:1904.00962v5.

    Example:
        >>> LAMB().eps
        1e-06
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero moments."""
        return {"first": param.new_zeros(param.shape), "second": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        first = state["first"].lerp_(grad, 1 - self.beta1)
        second = state["second"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        scale = second.sqrt().div_(math.sqrt(1 - self.beta2 ** (step + 1))).add_(self.eps)
        update = (first / (1 - self.beta1 ** (step + 1))).div_(scale)
        if _is_weight(param):
            update.add_(param, alpha=self.weight_decay)
            update.mul_(_trust_ratio(lane_norm(param), lane_norm(update), 1.0))
        param.addcmul_(update, lr, value=-1)


def _is_weight(param: Tensor) -> bool:
    return param.dim() > 2


def _trust_ratio(weights: Tensor, update: Tensor, trust: float) -> Tensor:
    ratio = trust * weights / update
    return ratio.where((weights > 0) & (update > 0), ratio.new_ones(()))
