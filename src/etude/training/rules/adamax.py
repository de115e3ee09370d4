"""Adamax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_moments

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Adamax:
    r"""Adamax: Adam with the largest recent gradient in place of the root mean square.

    .. math::
        d_t &= g_t + \lambda w_t, \qquad m_t = \beta_1 m_{t-1} + (1-\beta_1) d_t \\
        u_t &= \max(\beta_2 u_{t-1}, |d_t| + \epsilon), \qquad
        w_{t+1} = w_t - \frac{\eta_t}{1-\beta_1^{t+1}} \frac{m_t}{u_t}

    The maximum needs no correction for its zero start.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the maximum, in [0, 1).
        eps: ε > 0 keeps the denominator from 0; as in torch, the paper has none.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Kingma & Ba (2015), Adam, algorithm 2. arXiv:1412.6980.

    Example:
        >>> Adamax().beta2
        0.999
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero moment and maximum."""
        return {"first": param.new_zeros(param.shape), "largest": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        import torch  # late, so that a stored rule can be read without torch

        if self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        first = state["first"].lerp_(grad, 1 - self.beta1)
        largest = state["largest"].mul_(self.beta2)
        torch.maximum(largest, grad.abs_().add_(self.eps), out=largest)
        param.addcmul_(torch.div(first, largest, out=grad), lr, value=-1 / (1 - self.beta1 ** (step + 1)))
