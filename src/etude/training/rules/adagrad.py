"""Adagrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_at_least_zero, check_positive
from etude.training.rules.fused import each_lane, fused_pays

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Adagrad:
    r"""Adagrad: every weight's learning rate falls with all the gradients it has seen.

    .. math::
        d_t &= g_t + \lambda w_t, \qquad s_t = s_{t-1} + d_t^2, \quad s_{-1} = s_0 \\
        w_{t+1} &= w_t - \eta_t \frac{d_t}{\sqrt{s_t} + \epsilon}

    The sum never forgets, so under steady gradients the step shrinks like 1/√t by itself. The ``lr_decay`` of
    ``torch.optim.Adagrad`` is a schedule, η/(1 + ct), and is left to one.

    Attributes:
        eps: ε > 0, outside the root; torch's 1e-10, far below any gradient that matters.
        initial: s₀ ≥ 0. At 0, as published, the first step is η·sign(g) however small the gradient.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Duchi, Hazan & Singer (2011), Adaptive subgradient methods, JMLR 12, fig. 1 with diagonal matrices.

    Example:
        >>> Adagrad().initial
        0.0
    """

    eps: float = 1e-10
    initial: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_positive("eps", self.eps, "1e-10")
        check_at_least_zero("initial", self.initial)
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """The sum of squares at its start."""
        return {"sum": param.new_full(param.shape, self.initial)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        if fused_pays(param):
            self._fused_step(param, grad, state, lr, step)
            return
        total = state["sum"].addcmul_(grad, grad)
        param.addcmul_(grad.div_(total.sqrt().add_(self.eps)), lr, value=-1)

    def _fused_step(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        import torch  # late, so that a stored rule can be read without torch

        count = [torch.tensor(float(step + 1))]
        for rate, (p, g, total) in each_lane(lr, param, grad, state["sum"]):
            torch._fused_adagrad_(
                p, g, total, count, lr=rate, lr_decay=0.0, weight_decay=0.0, eps=self.eps, maximize=False
            )
