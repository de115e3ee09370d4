"""RAdam."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_moments

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State

RECTIFIABLE = 5.0
"""Least ρ at which the variance of the adaptive step is trusted: the paper has 4, its authors' code and torch have 5."""


@final
@dataclass(frozen=True)
class RAdam:
    r"""RAdam: Adam with a warm-up of its own, computed from how few gradients the second moment has seen.

    .. math::
        \rho_\infty &= \frac{2}{1-\beta_2} - 1, \qquad
        \rho_t = \rho_\infty - \frac{2 (t+1) \beta_2^{t+1}}{1-\beta_2^{t+1}} \\
        w_{t+1} &= w_t - \eta_t r_t \hat m_t \frac{\sqrt{1-\beta_2^{t+1}}}{\sqrt{v_t} + \epsilon}
            \quad \text{if } \rho_t > 5, \qquad
        r_t = \sqrt{\frac{(\rho_t-4)(\rho_t-2)\rho_\infty}{(\rho_\infty-4)(\rho_\infty-2)\rho_t}} \\
        w_{t+1} &= w_t - \eta_t \hat m_t \quad \text{otherwise}

    with the moments of ``Adam``. Beware of the first steps (five at the default β₂): they are not normalised, so their
    length is η‖m̂‖ and a large gradient makes a large step.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0, added to √v before its bias is corrected, as in torch.
        weight_decay: λ ≥ 0.
        decoupled: Let the weights decay outside the moments.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Liu et al. (2020), On the variance of the adaptive learning rate and beyond, algorithm 2. arXiv:1908.03265.

    Example:
        >>> round(RAdam().rectification(6), 7), RAdam().rectification(4)
        (0.0327388, None)
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)

    def rectification(self, step: int) -> float | None:
        """Factor r of step number ``step`` (from 0), or ``None`` while the second moment is not used."""
        t = step + 1
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * t * self.beta2**t / (1 - self.beta2**t)
        if length <= RECTIFIABLE:
            return None
        return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))

    def init(self, param: Tensor) -> State:
        """Zero moments."""
        return {"first": param.new_zeros(param.shape), "second": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        import torch  # late, so that a stored rule can be read without torch

        if self.weight_decay and self.decoupled:
            param.mul_(1 - lr * self.weight_decay)
        elif self.weight_decay:
            grad.add_(param, alpha=self.weight_decay)
        first = state["first"].lerp_(grad, 1 - self.beta1)
        second = state["second"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        correction = 1 - self.beta1 ** (step + 1)
        factor = self.rectification(step)
        if factor is None:
            param.addcmul_(first, lr, value=-1 / correction)
        else:
            factor *= math.sqrt(1 - self.beta2 ** (step + 1))
            scale = torch.sqrt(second, out=grad).add_(self.eps)
            param.addcmul_(torch.div(first, scale, out=scale), lr, value=-factor / correction)
