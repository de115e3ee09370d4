"""Adadelta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_at_least_zero, check_fraction, check_positive

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Adadelta:
    r"""Adadelta: the gradient in units of its own size, times the size of the last updates.

    .. math::
        d_t &= g_t + \lambda w_t, \qquad v_t = \rho v_{t-1} + (1-\rho) d_t^2 \\
        u_t &= \frac{\sqrt{a_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}} d_t, \qquad
        a_t = \rho a_{t-1} + (1-\rho) u_t^2 \\
        w_{t+1} &= w_t - \eta_t u_t

    The paper has η = 1. ε starts the updates, as a begins at 0: the first ones are about √ε/√(1−ρ) in size.

    Attributes:
        rho: ρ, in [0, 1): decay of both averages; torch's 0.9 (the paper tries 0.95).
        eps: ε > 0, inside both roots; the published 1e-6.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Zeiler (2012), ADADELTA, algorithm 1. arXiv:1212.5701.

    Example:
        >>> Adadelta().rho
        0.9
    """

    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("rho", self.rho)
        check_positive("eps", self.eps, "1e-6")
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero averages of squared gradients and squared updates."""
        return {"second": param.new_zeros(param.shape), "travel": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:  # noqa: ARG002
        """Make one step in place."""
        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        second, travel = state["second"], state["travel"]
        second.mul_(self.rho).addcmul_(grad, grad, value=1 - self.rho)
        update = travel.add(self.eps).div_(second.add(self.eps)).sqrt_().mul_(grad)
        travel.mul_(self.rho).addcmul_(update, update, value=1 - self.rho)
        param.addcmul_(update, lr, value=-1)
