"""Reference problems whose behaviour is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from etude.core.errors import SpecError
from etude.tasks.task import Task

EXAMPLES = 64


@final
class Point(nn.Module):
    """A model that is a point: its output is its parameter vector, whatever the input.

    Args:
        dimensions: Number of parameters D, drawn from the standard normal distribution.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(dimensions))

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, …) → the parameters, repeated to (B, D)."""
        return self.weight.expand(inputs.shape[0], -1)


@final
@dataclass(frozen=True)
class QuadraticLoss:
    """½ Σᵢ λᵢ (wᵢ − w*ᵢ)², the mean over the rows of output and target.

    Attributes:
        eigenvalues: λ, all positive.
    """

    eigenvalues: tuple[float, ...]

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Output and target (B, D) → scalar."""
        curvature = torch.tensor(self.eigenvalues, dtype=output.dtype, device=output.device)
        return 0.5 * (curvature * (output - target) ** 2).sum(dim=-1).mean()


def quadratic(eigenvalues: tuple[float, ...]) -> Task:
    """The noiseless quadratic f(w) = ½ Σᵢ λᵢ wᵢ², with the same gradient λ∘w from every batch.

    Gradient descent multiplies wᵢ by (1 − ηλᵢ) at every step: it converges for η < 2/λmax and diverges for η > 2/λmax;
    with heavy-ball momentum β the edge is 2(1+β)/λmax. The fastest constant η is 2/(λmin + λmax).

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).

    Raises:
        SpecError: When there is no eigenvalue or one is not positive.

    Example:
        >>> task = quadratic((1.0, 4.0))
        >>> w = task.init(seed=0).weight
        >>> inputs, targets = task.batch(seed=0, step=0, batch_size=8)
        >>> bool(torch.isclose(task.loss(w.expand(8, -1), targets), 0.5 * (w[0] ** 2 + 4 * w[1] ** 2)))
        True
    """
    if not eigenvalues or not all(value > 0 for value in eigenvalues):
        raise SpecError(f"needs positive eigenvalues, got {eigenvalues}: pass at least one number > 0")
    data = torch.zeros(EXAMPLES, 1), torch.zeros(EXAMPLES, len(eigenvalues))
    return Task("quadratic", partial(Point, len(eigenvalues)), data, data, QuadraticLoss(eigenvalues))


def linear_regression(examples: int = 512, features: int = 8, noise: float = 0.1) -> Task:
    """Least squares on standard normal inputs x, targets y = Σⱼ xⱼ/√d + ε, with normal errors ε.

    The loss is the mean squared error, so its Hessian with respect to the weights is 2 XᵀX / n.

    Args:
        examples: n, of which a fifth is held out.
        features: d.
        noise: Standard deviation of ε.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(examples, features, generator=generator)
    errors = noise * torch.randn(examples, 1, generator=generator)
    targets = inputs.sum(dim=1, keepdim=True) / features**0.5 + errors
    return Task("linear-regression", partial(nn.Linear, features, 1), (inputs, targets))
