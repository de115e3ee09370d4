"""Prodigy and D-Adaptation: Adam that estimates its own learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from etude.core.errors import SpecError
from etude.core.rule import WHOLE
from etude.training.rules.checks import check_moments, check_positive
from etude.training.rules.lanewise import lane_scalar, lane_sum, spread

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State


@final
@dataclass(frozen=True)
class Prodigy:
    r"""Prodigy: Adam with steps in units of d, an estimate of the distance to the solution that grows as evidence comes in.

    .. math::
        q_t &= d_t \eta_t, \qquad r_{t+1} = \sqrt{\beta_2}\, r_t + \tfrac{d_t}{d_0} q_t \langle g_t, w_0 - w_t \rangle, \qquad
        s_{t+1} = \sqrt{\beta_2}\, s_t + \tfrac{d_t}{d_0} q_t g_t \\
        m_t &= \beta_1 m_{t-1} + (1-\beta_1) d_t g_t, \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2) d_t^2 g_t^2 \\
        \hat d_{t+1} &= \frac{\kappa\, r_{t+1}}{\|s_{t+1}\|_1}, \qquad
        d_{t+1} = \min\!\left(\max(d_t, \hat d_{t+1}), \gamma\, d_t\right) \\
        w_{t+1} &= (1 - q_t \lambda) w_t - q_t \frac{m_t}{\sqrt{v_t} + d_{t+1} \epsilon}

    The sums run over all parameters of a lane. η is a factor of a learning rate that finds itself: 1 as published, with a
    cosine or linear decay. Where η differs between parameters (group scales), each brings its own q.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0.
        weight_decay: λ ≥ 0, decoupled.
        d0: d₀ > 0, the first estimate: small, as it can only grow; raise it to 1e-5 where d does not move.
        coefficient: κ > 0: makes all estimates larger or smaller; the authors prefer it to η for that.
        growth: γ ≥ 1, most growth of d in a step; infinite as published.
        bias_correction: Multiply q by √(1−β₂^(t+1))/(1−β₁^(t+1)) as in Adam; off as published.
        safeguard_warmup: Leave η out of s, so that a warm-up does not make the estimate too large.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Mishchenko & Defazio (2024), Prodigy, algorithm 4. arXiv:2306.06101; with the maximum and √β₂ of the authors' package.

    Example:
        >>> Prodigy().d0
        1e-06
    """

    fixed: ClassVar = ("d0",)
    """Hyperparameters that no schedule may change: d begins at d₀."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    d0: float = 1e-6
    coefficient: float = 1.0
    growth: float = math.inf
    bias_correction: bool = False
    safeguard_warmup: bool = False

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)
        check_positive("d0", self.d0, "1e-6")
        check_positive("coefficient", self.coefficient, "1")
        _check_growth(self.growth)

    def init_all(self, params: dict[str, Tensor]) -> dict[str, State]:
        """Start, moments and s of every parameter; per lane d, its largest estimate, and r."""
        any_param = next(iter(params.values()))
        whole = {
            "d": lane_scalar(any_param, self.d0),
            "largest": lane_scalar(any_param, self.d0),
            "numerator": lane_scalar(any_param),
        }
        return {n: {"start": p.clone()} | _zeros(p) for n, p in params.items()} | {WHOLE: whole}

    def update_all(
        self,
        params: dict[str, Tensor],
        grads: dict[str, Tensor],
        state: dict[str, State],
        lr: dict[str, Tensor],
        step: int,
    ) -> None:
        """Make one step in place."""
        import torch  # late, so that a stored rule can be read without torch

        d, correction = state[WHOLE]["d"].clone(), _correction(self, step)
        numerator = state[WHOLE]["numerator"].mul_(math.sqrt(self.beta2))
        evidence = lane_scalar(d)
        for name, param in params.items():
            grad, own = grads[name], state[name]
            rate = _flat(lr[name]) * d * correction
            away = (own["start"] - param).mul_(grad)
            numerator.add_(d / self.d0 * rate * lane_sum(away))
            grad.mul_(spread(d, grad))
            own["first"].lerp_(grad, 1 - self.beta1)
            own["second"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
            weight = (d * (rate > 0) if self.safeguard_warmup else rate) / self.d0
            own["sum"].mul_(math.sqrt(self.beta2)).addcmul_(grad, spread(weight, grad))
            evidence.add_(lane_sum(torch.abs(own["sum"], out=away)))
        self._estimate(state[WHOLE], evidence)
        for name, param in params.items():
            own, rate = state[name], lr[name] * spread(d * correction, param)
            scale = torch.sqrt(own["second"], out=grads[name]).add_(spread(state[WHOLE]["d"] * self.eps, param))
            if self.weight_decay:
                param.mul_(1 - rate * self.weight_decay)
            param.addcmul_(torch.div(own["first"], scale, out=scale), rate, value=-1)

    def _estimate(self, whole: State, evidence: Tensor) -> None:
        d, largest = whole["d"], whole["largest"]
        estimate = (self.coefficient * whole["numerator"] / evidence).where(evidence > 0, d)
        started = d.maximum(estimate).where(d == self.d0, d)
        largest.copy_(largest.maximum(estimate))
        d.copy_(largest.minimum(started * self.growth))


@final
@dataclass(frozen=True)
class DAdaptAdam:
    r"""D-Adaptation for Adam: Prodigy's predecessor, with an estimate that grows more slowly in theory.

    .. math::
        q_t &= d_t \eta_t, \qquad
        r_{t+1} = \sqrt{\beta_2}\, r_t
            + (1-\sqrt{\beta_2})\, q_t \left\langle g_t, \frac{s_t}{\sqrt{v_{t-1}} + \epsilon} \right\rangle \\
        m_t &= \beta_1 m_{t-1} + (1-\beta_1) q_t g_t, \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2 \\
        s_{t+1} &= \sqrt{\beta_2}\, s_t + (1-\sqrt{\beta_2})\, q_t g_t, \qquad
        \hat d_{t+1} = \frac{r_{t+1}}{(1-\sqrt{\beta_2}) \|s_{t+1}\|_1} \\
        d_{t+1} &= \max\!\left(d_t, \min(\hat d_{t+1}, \gamma\, d_t)\right), \qquad
        w_{t+1} = (1 - q_t \lambda) w_t - \frac{m_t}{\sqrt{v_t} + \epsilon}

    The sums run over all parameters of a lane. η is a factor of a learning rate that finds itself: 1 as published. Beware: in a
    few steps d can jump by orders of magnitude, and kill ReLUs; γ = 1.02 helps.

    Attributes:
        beta1: Decay of the first moment, in [0, 1).
        beta2: Decay of the second moment, in [0, 1).
        eps: ε > 0.
        weight_decay: λ ≥ 0, decoupled.
        d0: d₀ > 0, the first estimate: small, as it can only grow.
        growth: γ ≥ 1, most growth of d in a step; infinite as published.
        bias_correction: Multiply q by √(1−β₂^(t+1))/(1−β₁^(t+1)) as in Adam; off as in the authors' package.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Defazio & Mishchenko (2023), Learning-rate-free learning by D-Adaptation, algorithm 5. arXiv:2301.07733.

    Example:
        >>> DAdaptAdam(growth=1.02).d0
        1e-06
    """

    fixed: ClassVar = ("d0",)
    """Hyperparameters that no schedule may change: d begins at d₀."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    d0: float = 1e-6
    growth: float = math.inf
    bias_correction: bool = False

    def __post_init__(self) -> None:
        check_moments(self.beta1, self.beta2, self.eps, self.weight_decay)
        check_positive("d0", self.d0, "1e-6")
        _check_growth(self.growth)

    def init_all(self, params: dict[str, Tensor]) -> dict[str, State]:
        """Moments and s of every parameter; per lane d and r."""
        any_param = next(iter(params.values()))
        whole = {"d": lane_scalar(any_param, self.d0), "numerator": lane_scalar(any_param)}
        return {n: _zeros(p) for n, p in params.items()} | {WHOLE: whole}

    def update_all(
        self,
        params: dict[str, Tensor],
        grads: dict[str, Tensor],
        state: dict[str, State],
        lr: dict[str, Tensor],
        step: int,
    ) -> None:
        """Make one step in place."""
        import torch

        d, root = state[WHOLE]["d"].clone(), math.sqrt(self.beta2)
        gain, evidence = lane_scalar(d), lane_scalar(d)
        rates = {name: lr[name] * spread(d * _correction(self, step), param) for name, param in params.items()}
        for name, grad in grads.items():
            own, rate = state[name], rates[name]
            scratch = own["second"].sqrt().add_(self.eps)
            scratch = torch.div(own["sum"], scratch, out=scratch).mul_(grad)
            gain.add_(_flat(rate) * lane_sum(scratch))
            own["second"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
            grad.mul_(rate)
            own["first"].lerp_(grad, 1 - self.beta1)
            own["sum"].lerp_(grad, 1 - root)
            evidence.add_(lane_sum(torch.abs(own["sum"], out=scratch)))
        numerator = state[WHOLE]["numerator"].mul_(root).add_(gain, alpha=1 - root)
        estimate = (numerator / ((1 - root) * evidence)).where(evidence > 0, d)
        state[WHOLE]["d"].copy_(d.maximum(estimate.minimum(d * self.growth)))
        for name, param in params.items():
            if self.weight_decay:
                param.mul_(1 - rates[name] * self.weight_decay)
            scale = torch.sqrt(state[name]["second"], out=grads[name]).add_(self.eps)
            param.addcdiv_(state[name]["first"], scale, value=-1)


def _zeros(param: Tensor) -> State:
    return {name: param.new_zeros(param.shape) for name in ("first", "second", "sum")}


def _flat(per_lane: Tensor) -> Tensor:
    """A learning rate (K, 1, ..., 1) as (K,), in double precision."""
    return per_lane.reshape(-1).double()


def _correction(rule: Prodigy | DAdaptAdam, step: int) -> float:
    if not rule.bias_correction:
        return 1.0
    return math.sqrt(1 - rule.beta2 ** (step + 1)) / (1 - rule.beta1 ** (step + 1))


def _check_growth(growth: float) -> None:
    if not growth >= 1:
        raise SpecError(f"needs growth >= 1, got {growth}: 1.02 is slow, infinity sets no limit")
