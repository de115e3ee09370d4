"""Stochastic gradient descent and its momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.errors import SpecError
from etude.training.rules.checks import check_at_least_zero, check_fraction
from etude.training.rules.fused import each_lane, fused_pays

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class SGD:
    r"""Stochastic gradient descent, with heavy-ball or Nesterov momentum.

    .. math::
        d_t &= g_t + \lambda w_t \\
        m_t &= \beta m_{t-1} + d_t, \quad m_{-1} = 0 \\
        w_{t+1} &= w_t - \eta_t m_t \quad \text{(heavy ball)} \\
        w_{t+1} &= w_t - \eta_t (d_t + \beta m_t) \quad \text{(Nesterov)}

    with β = ``momentum`` and λ = ``weight_decay``; β = 0 is plain gradient descent. The learning rate multiplies the
    momentum when it is applied, so a change of η acts at once on the whole velocity, as in ``torch.optim.SGD``.

    Attributes:
        momentum: β, in [0, 1).
        nesterov: Look ahead by one momentum step.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.

    Raises:
        SpecError: When β or λ is out of range, or Nesterov is asked for without momentum.

    References:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods, eq. 2.
        Sutskever, Martens, Dahl & Hinton (2013), On the importance of initialization and momentum, eqs. 1-4.

    Example:
        >>> SGD(momentum=0.9)
        SGD(momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("momentum", self.momentum)
        check_at_least_zero("weight_decay", self.weight_decay)
        if self.nesterov and self.momentum == 0:
            raise SpecError("Nesterov momentum needs momentum > 0, got 0: pass --momentum 0.9")

    def init(self, param: Tensor) -> State:
        """Zero velocity; no state at all without momentum."""
        return {"velocity": param.new_zeros(param.shape)} if self.momentum else {}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:  # noqa: ARG002
        """Make one step in place."""
        import torch  # late, so that a stored rule can be read without torch

        if self.nesterov and fused_pays(param):  # the others are two passes already
            self._fused_step(param, grad, state, lr)
            return
        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        direction = grad
        if self.momentum:
            velocity = torch.add(grad, state["velocity"], alpha=self.momentum, out=state["velocity"])
            direction = grad.add_(velocity, alpha=self.momentum) if self.nesterov else velocity
        param.addcmul_(direction, lr, value=-1)

    def _fused_step(self, param: Tensor, grad: Tensor, state: State, lr: Tensor) -> None:
        import torch

        for rate, (p, g, velocity) in each_lane(lr, param, grad, state["velocity"]):
            torch._fused_sgd_(
                p, g, velocity, lr=rate, momentum=self.momentum, weight_decay=self.weight_decay, dampening=0.0,
                nesterov=True, maximize=False, is_first_step=False,
            )  # fmt: skip
