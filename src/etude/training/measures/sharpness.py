"""Sharpness of the training loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.core.errors import SpecError

if TYPE_CHECKING:
    from etude.core.measure import Columns, Point


@final
@dataclass(frozen=True)
class Sharpness:
    r"""Largest eigenvalue of the Hessian of the training loss, at the weights to evaluate, in evaluation mode.

    .. math:: \lambda_{\max}(\nabla^2 L(w))

    It costs up to 60 Hessian-vector products a lane, so it is mostly read at the end: ``AtEnd(Sharpness())``. The columns are
    ``sharpness``, and ``sharpness_error``, a bound on the error of the iteration.

    Attributes:
        examples: Training examples that L is the mean over: fixed, equal for all lanes.

    Raises:
        SpecError: When ``examples`` < 1.

    References:
        Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of stability. arXiv:2103.00065.

    Example:
        >>> Sharpness().examples
        1000
    """

    examples: int = 1000

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise SpecError(f"needs examples >= 1, got {self.examples}: 1000 is usual")

    def at_point(self, point: Point) -> Columns:
        """Eigenvalues and bounds on their errors, (K,) each."""
        import torch

        from etude.training.measures.lanewise import lane_modules
        from etude.training.sharpness import sharpness

        x, y = point.task.examples("train", self.examples)
        found = []
        for module in lane_modules(point):
            with torch.enable_grad():
                found.append(sharpness(lambda m=module: point.task.loss(m(x), y), list(module.parameters())))  # type: ignore[misc]
        values, errors = torch.tensor(found, dtype=torch.float64).T
        return {"sharpness": values, "sharpness_error": errors}
