"""DoG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.rule import WHOLE
from etude.training.rules.checks import check_at_least_zero, check_positive
from etude.training.rules.lanewise import lane_dot, lane_scalar, spread

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State

GAMMA = 8
"""Exponent of the polynomial average, the authors' choice: the last ninth of the way weighs more than half."""


@final
@dataclass(frozen=True)
class DoG:
    r"""DoG: distance over gradients, a learning rate read off from how far the weights have come.

    .. math::
        r_t &= \max\!\left(r_\epsilon (1 + \|w_0\|), \max_{i \le t} \|w_i - w_0\|\right), \qquad
        G_t = \epsilon + \sum_{i \le t} \|g_i + \lambda w_i\|^2 \\
        w_{t+1} &= w_t - \eta_t \frac{r_t}{\sqrt{G_t}} (g_t + \lambda w_t), \qquad
        \bar w_{t+1} = \bar w_t + \frac{9}{t + 9} (w_{t+1} - \bar w_t)

    Norms are over all parameters of a lane. η is a factor of a learning rate that finds itself: 1 as published. The average w̄
    is evaluated and kept, as the method does not decay its steps.

    Attributes:
        first_move: r_ε > 0: length of the first step, relative to 1 + ‖w₀‖; 1e-6 as published, 1e-4 with batch norm.
        eps: ε > 0 keeps the denominator from 0.
        weight_decay: λ ≥ 0, coupled: it enters the gradient.
        average: Evaluate w̄. The statistics of batch norm belong to w, so leave it off with batch norm.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Ivgi, Hinder & Carmon (2023), DoG is SGD's best friend. arXiv:2302.12022.
        Shamir & Zhang (2013), Stochastic gradient descent for non-smooth optimization (polynomial-decay averaging).

    Example:
        >>> DoG().first_move
        1e-06
    """

    first_move: float = 1e-6
    eps: float = 1e-8
    weight_decay: float = 0.0
    average: bool = True

    def __post_init__(self) -> None:
        check_positive("first_move", self.first_move, "1e-6")
        check_positive("eps", self.eps, "1e-8")
        check_at_least_zero("weight_decay", self.weight_decay)

    def init_all(self, params: dict[str, Tensor]) -> dict[str, State]:
        """Every parameter's start and average; per lane the distance and the sum of squared gradients."""
        state = {name: {"start": param.clone()} for name, param in params.items()}
        if self.average:
            for name, param in params.items():
                state[name]["average"] = param.clone()
        any_param = next(iter(params.values()))
        length = lane_scalar(any_param)
        for param in params.values():
            length.add_(lane_dot(param, param))
        distance = length.sqrt_().add_(1).mul_(self.first_move)
        return state | {WHOLE: {"distance": distance, "gradients": lane_scalar(any_param, self.eps)}}

    def update_all(
        self,
        params: dict[str, Tensor],
        grads: dict[str, Tensor],
        state: dict[str, State],
        lr: dict[str, Tensor],
        step: int,
    ) -> None:
        """Make one step in place."""
        distance, gradients = state[WHOLE]["distance"], state[WHOLE]["gradients"]
        moved = lane_scalar(distance)
        for name, param in params.items():
            if self.weight_decay:
                grads[name].add_(param, alpha=self.weight_decay)
            away = param - state[name]["start"]
            moved.add_(lane_dot(away, away))
            gradients.add_(lane_dot(grads[name], grads[name]))
        distance.copy_(distance.maximum(moved.sqrt_()))
        rate = distance / gradients.sqrt()
        for name, param in params.items():
            param.addcmul_(grads[name], lr[name] * spread(rate, param), value=-1)
            if self.average:
                state[name]["average"].lerp_(param, (GAMMA + 1) / (step + GAMMA + 1))

    def evaluation(self, param: Tensor, state: State) -> Tensor:
        """The average, where one is kept."""
        return state["average"] if self.average else param
