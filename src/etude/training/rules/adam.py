"""Adam, AdamW and AMSGrad."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.rules.checks import check_moments
from etude.training.rules.fused import each_lane, fused_pays

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Adam:
    r"""Adam: the gradient's first moment, divided by the root of its second, both corrected for their zero start.

    .. math::
        d_t &= g_t + \lambda w_t \\
        m_t &= \beta_1 m_{t-1} + (1-\beta_1) d_t, \quad v_t = \beta_2 v_{t-1} + (1-\beta_2) d_t^2 \\
        w_{t+1} &= w_t - \eta_t \frac{m_t / (1-\beta_1^{t+1})}{\sqrt{v_t / (1-\beta_2^{t+1})} + \epsilon}

    with λ = ``weight_decay``, coupled: it enters the gradient and so both moments (see ``AdamW`` for the other).

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0, outside the root; the published default.
        weight_decay: λ ≥ 0.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Kingma & Ba (2015), Adam, algorithm 1. arXiv:1412.6980.

    Example:
        >>> Adam().beta2
        0.999
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero moments."""
        return {"first": param.new_zeros(param.shape), "second": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        _step(self, param, grad, state, lr, step)


@final
@dataclass(frozen=True)
class AdamW:
    r"""Adam with decoupled weight decay: the weights shrink by themselves, outside the moments.

    .. math::
        w'_t = (1 - \eta_t \lambda) w_t, \qquad
        w_{t+1} = w'_t - \eta_t \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}

    with the moments of ``Adam`` at λ = 0. As in ``torch.optim.AdamW`` the decay is multiplied by the learning rate, so the
    time over which weights are forgotten is 1/(ηλ) steps.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0, outside the root.
        weight_decay: λ ≥ 0; 0.01 as in torch.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, algorithm 2. arXiv:1711.05101.

    Example:
        >>> AdamW().weight_decay
        0.01
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero moments."""
        return {"first": param.new_zeros(param.shape), "second": param.new_zeros(param.shape)}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        _step(self, param, grad, state, lr, step)


@final
@dataclass(frozen=True)
class AMSGrad:
    r"""AMSGrad: Adam divided by the largest second moment so far, so that no weight's step grows back.

    .. math::
        V_t = \max(V_{t-1}, v_t), \qquad
        w_{t+1} = w_t - \eta_t \frac{m_t / (1-\beta_1^{t+1})}{\sqrt{V_t / (1-\beta_2^{t+1})} + \epsilon}

    with the moments of ``Adam``, decay coupled. Under plain Adam a rare large gradient is forgotten after some 1/(1−β₂)
    steps, and the steps grow again: the case in which it does not converge. As in torch, and unlike the paper, both moments
    are corrected for their zero start.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0, outside the root.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Reddi, Kale & Kumar (2018), On the convergence of Adam and beyond, algorithm 2. arXiv:1904.09237.

    Example:
        >>> AMSGrad().beta1
        0.9
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)

    def init(self, param: Tensor) -> State:
        """Zero moments and maximum."""
        return {name: param.new_zeros(param.shape) for name in ("first", "second", "largest")}

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        _step(self, param, grad, state, lr, step)


def _step(rule: Adam | AdamW | AMSGrad, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
    import torch  # late, so that a stored rule can be read without torch

    if fused_pays(param):
        _fused_step(rule, param, grad, state, lr, step)
        return
    if rule.weight_decay and isinstance(rule, AdamW):
        param.mul_(1 - lr * rule.weight_decay)
    elif rule.weight_decay:
        grad.add_(param, alpha=rule.weight_decay)
    first = state["first"].lerp_(grad, 1 - rule.beta1)
    second = state["second"].mul_(rule.beta2).addcmul_(grad, grad, value=1 - rule.beta2)
    if "largest" in state:
        second = torch.maximum(state["largest"], second, out=state["largest"])
    root = math.sqrt(1 - rule.beta2 ** (step + 1))
    scale = torch.sqrt(second, out=grad).add_(rule.eps * root)
    param.addcmul_(torch.div(first, scale, out=scale), lr, value=-root / (1 - rule.beta1 ** (step + 1)))


def _fused_step(rule: Adam | AdamW | AMSGrad, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
    import torch

    kernel = torch._fused_adamw_ if isinstance(rule, AdamW) else torch._fused_adam_
    kept = [state[name] for name in ("first", "second", "largest") if name in state]
    count = [torch.tensor(float(step + 1))]
    for rate, (p, g, first, second, *largest) in each_lane(lr, param, grad, *kept):
        kernel(
            p, g, first, second, largest[0] if largest else [], count,
            lr=rate, beta1=rule.beta1, beta2=rule.beta2, eps=rule.eps, weight_decay=rule.weight_decay,
            amsgrad=bool(largest), maximize=False,
        )  # fmt: skip
