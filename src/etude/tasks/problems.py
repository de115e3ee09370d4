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
    _check_eigenvalues(eigenvalues)
    data = torch.zeros(EXAMPLES, 1), torch.zeros(EXAMPLES, len(eigenvalues))
    return Task("quadratic", partial(Point, len(eigenvalues)), data, data, QuadraticLoss(eigenvalues))


def diagonal_least_squares(eigenvalues: tuple[float, ...]) -> Task:
    """The same quadratic as least squares: D examples xᵢ = √(λᵢD/2)·eᵢ with targets 0, full batches of D.

    The mean squared error of x ↦ wᵀx is then ½ Σᵢ λᵢ wᵢ². The start is wᵢ ~ N(0, 1/λᵢ), so that every direction has the
    same share of the initial loss, on average: otherwise the flat ones, which are slow, would hardly be seen in it.

    Args:
        eigenvalues: λ, positive.

    Raises:
        SpecError: When there is no eigenvalue or one is not positive.

    Example:
        >>> task = diagonal_least_squares((1.0, 4.0))
        >>> w, (inputs, targets) = task.init(seed=0), task.batch(seed=0, step=0, batch_size=2)
        >>> loss = 0.5 * (w[0].weight[0, 0] ** 2 + 4 * w[0].weight[0, 1] ** 2)
        >>> bool(torch.isclose(task.loss(w(inputs), targets), loss))
        True
    """
    _check_eigenvalues(eigenvalues)
    curvature = torch.tensor(eigenvalues, dtype=torch.float64)
    inputs = torch.diag((curvature * len(eigenvalues) / 2).sqrt())
    data = inputs, torch.zeros(len(eigenvalues), 1, dtype=torch.float64)
    return Task("diagonal-least-squares", partial(_even_start, eigenvalues), data, data)


def noisy_quadratic(eigenvalues: tuple[float, ...], noise: float, examples: int = 65_536) -> Task:
    """The quadratic with gradient noise: example j has the loss ½ Σᵢ λᵢ (wᵢ − yⱼᵢ)², with normal yⱼᵢ ~ N(0, (σ/λᵢ)²).

    The gradient of a batch of B is λ∘(w − ȳ), with independent errors of variance σ²/B in every direction, as long as an
    epoch is long: within one, examples are not drawn twice. The one validation example is the mean target of the training
    set, so that the validation loss is the training loss above its minimum, exactly.

    Source: Schaul, Zhang & LeCun, "No more pesky learning rates" (2013).

    Args:
        eigenvalues: λ, positive.
        noise: σ, standard deviation of one example's gradient in each direction.
        examples: Training examples.

    Raises:
        SpecError: When there is no eigenvalue or one is not positive.

    Example:
        >>> task = noisy_quadratic((1.0, 4.0), noise=0.5, examples=1000)
        >>> gradient = torch.tensor([1.0, 4.0]) * task.train[1]  # at w = 0
        >>> [round(float(s), 1) for s in gradient.std(dim=0)]
        [0.5, 0.5]
    """
    _check_eigenvalues(eigenvalues)
    generator = torch.Generator().manual_seed(0)
    targets = noise * torch.randn(examples, len(eigenvalues), generator=generator) / torch.tensor(eigenvalues)
    centre = targets.double().mean(dim=0, keepdim=True)
    train = torch.zeros(examples, 1, dtype=torch.float64), targets.double()
    held_out = torch.zeros(1, 1, dtype=torch.float64), centre
    model = partial(_double_point, len(eigenvalues))
    return Task("noisy-quadratic", model, train, held_out, QuadraticLoss(eigenvalues))


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


def _even_start(eigenvalues: tuple[float, ...]) -> nn.Sequential:
    layer = nn.Linear(len(eigenvalues), 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.normal_().div_(torch.tensor(eigenvalues, dtype=torch.float64).sqrt())
    return nn.Sequential(layer)


def _double_point(dimensions: int) -> nn.Module:
    return Point(dimensions).double()


def _check_eigenvalues(eigenvalues: tuple[float, ...]) -> None:
    if not eigenvalues or not all(value > 0 for value in eigenvalues):
        raise SpecError(f"needs positive eigenvalues, got {eigenvalues}: pass at least one number > 0")
