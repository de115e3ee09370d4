"""Lion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_at_least_zero, check_fraction

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Lion:
    r"""Lion: the sign of an average that weighs the newest gradient more than its memory does.

    .. math::
        u_t &= \operatorname{sign}(\beta_1 m_{t-1} + (1-\beta_1) g_t), \qquad m_t = \beta_2 m_{t-1} + (1-\beta_2) g_t \\
        w_{t+1} &= (1 - \eta_t \lambda) w_t - \eta_t u_t

    Every weight moves by exactly η in every step, so its learning rates are 3 to 10 times smaller than Adam's, and its weight
    decay as much larger.

    Attributes:
        beta1: Weight of the memory in the step, in [0, 1).
        beta2: Decay of the memory, in [0, 1); the published 0.99.
        weight_decay: λ ≥ 0, decoupled.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Chen et al. (2023), Symbolic discovery of optimization algorithms, algorithm 2. arXiv:2302.06675.

    Example:
        >>> Lion().beta2
        0.99
    """

    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_at_least_zero("weight_decay", self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero memory."""
        return {"first": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:  # noqa: ARG002
        """Make one step in place."""
        if self.weight_decay:
            param.mul_(1 - lr * self.weight_decay)
        first = state["first"]
        param.addcmul_(first.lerp(grad, 1 - self.beta1).sign_(), lr, value=-1)
        first.lerp_(grad, 1 - self.beta2)
