"""NAdam."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_at_least_zero, check_moments

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class NAdam:
    r"""NAdam: Adam with Nesterov's look ahead, its momentum growing during training.

    .. math::
        \mu_t &= \beta_1 \left(1 - \tfrac12\, 0.96^{(t+1)\psi}\right), \qquad M_t = \prod_{i \le t} \mu_i \\
        m_t &= \beta_1 m_{t-1} + (1-\beta_1) d_t, \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2) d_t^2 \\
        w_{t+1} &= w_t - \eta_t \frac{\frac{1-\mu_t}{1-M_t} d_t + \frac{\mu_{t+1}}{1-M_t \mu_{t+1}} m_t}
                                     {\sqrt{v_t / (1-\beta_2^{t+1})} + \epsilon}

    with d = g + λw when the decay is coupled; decoupled, d = g and w first shrinks by 1 − ηλ (NAdamW).

    Attributes:
        beta1: Limit of the momentum, in [0, 1), and decay of the first moment.
        beta2: Decay of the second moment, in [0, 1).
        momentum_decay: ψ ≥ 0, how fast the momentum grows; the published 0.004, half-way after some 4000 steps.
        eps: ε > 0, outside the root.
        weight_decay: λ ≥ 0.
        decoupled: Let the weights decay outside the moments.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Dozat (2016), Incorporating Nesterov momentum into Adam, ICLR workshop, algorithm 8; with v bias-corrected as in Adam.

    Example:
        >>> NAdam(weight_decay=0.01, decoupled=True).momentum_decay
        0.004
    """

    beta1: float = 0.9
    beta2: float = 0.999
    momentum_decay: float = 4e-3
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)
        check_at_least_zero("momentum_decay", self.momentum_decay)

    def init(self, param: Tensor) -> State:
        """Zero moments; the product of the momenta, one number per lane (K, 1, ..., 1)."""
        return {
            "first": param.new_zeros(param.shape),
            "second": param.new_zeros(param.shape),
            "product": param.new_ones((len(param), *[1] * (param.dim() - 1))),
        }

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        import torch  # late, so that a stored rule can be read without torch

        if self.weight_decay and self.decoupled:
            param.mul_(1 - lr * self.weight_decay)
        elif self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        first = state["first"].lerp_(grad, 1 - self.beta1)
        second = state["second"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        root = math.sqrt(1 - self.beta2 ** (step + 1))
        scale = second.sqrt().add_(self.eps * root)
        now, ahead = self._momentum(step), self._momentum(step + 1)
        product = state["product"].mul_(now)
        param.addcmul_(grad.div_(scale), lr * (root * (now - 1)) / (1 - product))
        param.addcmul_(torch.div(first, scale, out=scale), lr * (root * -ahead) / (1 - product * ahead))

    def _momentum(self, step: int) -> float:
        damping: float = 0.96 ** ((step + 1) * self.momentum_decay)
        return self.beta1 * (1 - 0.5 * damping)
