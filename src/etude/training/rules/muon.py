"""Muon."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, final

from etude.core.errors import SpecError
from etude.training.rules.adam import AdamW
from etude.training.rules.checks import check_at_least_zero, check_fraction
from etude.training.rules.lanewise import lane_norm

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.rule import State

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration: steepest at zero, so that five steps are enough; singular values end within 0.7 to 1.2."""

TINY = 1e-7
"""Least norm that a momentum is divided by."""

GRAM_FROM = 2
"""Sides' ratio from which it is less work to iterate on the product of a matrix with its transpose."""

REST = AdamW(beta2=0.95)
"""Rule of what is no matrix, with the second moment that Muon's authors use."""


@final
class StepSize(Enum):
    """How long a Muon step is, for a matrix of A × B.

    Attributes:
        MATCH_ADAMW: 0.2 η √max(A, B): the rms of AdamW's steps, so that one learning rate serves both (Moonshot 2025).
        ORIGINAL: η √max(1, A/B), as in the first description.
    """

    MATCH_ADAMW = "match_rms_adamw"
    ORIGINAL = "original"

    def factor(self, rows: int, columns: int) -> float:
        """Factor of the learning rate."""
        if self is StepSize.MATCH_ADAMW:
            return 0.2 * math.sqrt(max(rows, columns))
        return math.sqrt(max(1.0, rows / columns))


@final
@dataclass(frozen=True)
class Muon:
    r"""Muon: the momentum of a weight matrix, orthogonalized, so that all its directions move equally far.

    .. math::
        m_t &= \mu m_{t-1} + (1-\mu) g_t, \qquad d_t = \mu m_t + (1-\mu) g_t \\
        X_0 &= d_t / \|d_t\|_F, \qquad X_{i+1} = a X_i + (b\,G_i + c\,G_i^2) X_i, \quad G_i = X_i X_i^\top \\
        w_{t+1} &= (1 - \eta_t \lambda) w_t - s\,\eta_t X_5

    For matrices only; every other tensor (biases, norms, kernels of a convolution) follows ``rest``. The iteration runs in the
    precision of the weights: bfloat16, which others use, saves time on large GPUs only.

    Attributes:
        momentum: μ, in [0, 1).
        nesterov: Look ahead as above; without it d = m.
        iterations: Steps of Newton and Schulz, 5 as published.
        step_size: The factor s; by default the one at which matrices and the rest share a learning rate.
        weight_decay: λ ≥ 0, decoupled; torch's 0.1.
        rest: Rule of the other tensors.

    Raises:
        SpecError: When a hyperparameter is out of range.

    References:
        Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks.
        Liu et al. (2025), Muon is scalable for LLM training, eq. 4. arXiv:2502.16982.

    Example:
        >>> Muon().step_size.factor(100, 25)
        2.0
    """

    momentum: float = 0.95
    nesterov: bool = True
    iterations: int = 5
    step_size: StepSize = StepSize.MATCH_ADAMW
    weight_decay: float = 0.1
    rest: AdamW = REST

    def __post_init__(self) -> None:
        check_fraction("momentum", self.momentum)
        check_at_least_zero("weight_decay", self.weight_decay)
        if self.iterations < 1:
            raise SpecError(f"needs iterations >= 1, got {self.iterations}: 5 is usual")

    def init(self, param: Tensor) -> State:
        """Zero momentum of a matrix; the state of the rest."""
        return {"first": param.new_zeros(param.shape)} if param.dim() == 3 else self.rest.init(param)

    def update(self, param: Tensor, grad: Tensor, state: State, lr: Tensor, step: int) -> None:
        """Make one step in place."""
        if param.dim() != 3:
            self.rest.update(param, grad, state, lr, step)
            return
        first = state["first"].lerp_(grad, 1 - self.momentum)
        direction = grad.lerp_(first, self.momentum) if self.nesterov else first
        if self.weight_decay:
            param.mul_(1 - lr * self.weight_decay)
        factor = self.step_size.factor(param.shape[1], param.shape[2])
        param.addcmul_(orthogonalized(direction, self.iterations), lr, value=-factor)


def orthogonalized(matrices: Tensor, iterations: int) -> Tensor:
    """The nearest matrices with orthonormal rows or columns, roughly: (K, A, B) with singular values near 1.

    Newton-Schulz iteration, odd polynomials of the singular values (Bernstein & Newhouse 2024).
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / lane_norm(x).clamp_(min=TINY)
    x = _by_gram(x, iterations) if x.shape[2] >= GRAM_FROM * x.shape[1] else _directly(x, iterations)
    return x.mT if tall else x


def _directly(x: Tensor, iterations: int) -> Tensor:
    a, b, c = QUINTIC
    for _ in range(iterations):
        gram = x @ x.mT
        x = gram.baddbmm(gram, gram, beta=b, alpha=c).bmm(x).add_(x, alpha=a)
    return x


def _by_gram(x: Tensor, iterations: int) -> Tensor:
    """The same polynomials of G = XXᵀ, which all commute: X₅ = P₄ ⋯ P₀ X₀ with Pᵢ = aI + bGᵢ + cGᵢ² and Gᵢ₊₁ = Pᵢ²Gᵢ.

    The long side is touched twice, not twice in every iteration.
    """
    a, b, c = QUINTIC
    gram, product = x @ x.mT, None
    for i in range(iterations):
        factor = gram.baddbmm(gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor if product is None else factor.bmm(product)
        if i + 1 < iterations:
            gram = factor.bmm(gram).bmm(factor)
    assert product is not None
    return product.bmm(x)
