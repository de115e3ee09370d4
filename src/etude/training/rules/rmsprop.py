"""RMSprop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_at_least_zero, check_fraction, check_positive

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class RMSprop:
    r"""RMSprop: the gradient over a running average of its size, plain, centered, or with momentum.

    .. math::
        d_t &= g_t + \lambda w_t, \qquad v_t = \alpha v_{t-1} + (1-\alpha) d_t^2 \\
        u_t &= \frac{d_t}{\sqrt{v_t} + \epsilon} \quad \text{or centered} \quad
        u_t = \frac{d_t}{\sqrt{v_t - \bar d_t^2} + \epsilon}, \quad \bar d_t = \alpha \bar d_{t-1} + (1-\alpha) d_t \\
        b_t &= \beta b_{t-1} + u_t, \qquad w_{t+1} = w_t - \eta_t b_t

    with β = ``momentum``. There is no correction for the zero start of v, so the first updates are 1/√(1−α) too long:
    10 η at the default. Where rounding makes the centered average negative it counts as 0 (in torch it becomes NaN).

    Attributes:
        alpha: α, in [0, 1): decay of the averages; torch's 0.99 (the lecture has 0.9).
        eps: ε > 0, outside the root.
        momentum: β, in [0, 1), of the scaled gradient.
        centered: Divide by the standard deviation instead of the root mean square.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Tieleman & Hinton (2012), Neural networks for machine learning, lecture 6.5.
        Graves (2013), Generating sequences with recurrent neural networks, eqs. 38-45 (centered). arXiv:1308.0850.

    Example:
        >>> RMSprop(centered=True).alpha
        0.99
    """

    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("alpha", self.alpha)
        check_fraction("momentum", self.momentum)
        check_positive("eps", self.eps, "1e-8")
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero averages, and what the options need besides."""
        names = ["second"] + ["mean"] * self.centered + ["velocity"] * (self.momentum > 0)
        return {name: param.new_zeros(param.shape) for name in names}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:  # noqa: ARG002
        """Make one step in place."""
        import torch  # late, so that a stored rule can be read without torch

        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        second = state["second"].mul_(self.alpha).addcmul_(grad, grad, value=1 - self.alpha)
        if self.centered:
            mean = state["mean"].lerp_(grad, 1 - self.alpha)
            second = second.addcmul(mean, mean, value=-1).clamp_(min=0)
        direction = grad.div_(second.sqrt().add_(self.eps))
        if self.momentum:
            direction = torch.add(direction, state["velocity"], alpha=self.momentum, out=state["velocity"])
        param.addcmul_(direction, lr, value=-1)
