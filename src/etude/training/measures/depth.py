"""How large signals and their gradients are, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.measures.inside import check_examples, look, probe_examples

if TYPE_CHECKING:
    from torch import nn

    from etude.core.measure import Columns, Point


@final
@dataclass(frozen=True)
class DepthProfile:
    r"""Root mean squares of activations and of pre-activation gradients by depth, and how fast they grow.

    .. math:: z_l = W_l h_{l-1} + b_l, \quad h_l = \phi(z_l), \quad \delta_l = \partial L / \partial z_l

    Columns ``activation_rms/LAYER``, of h_{l−1}, which enters the layer; ``delta_rms/LAYER``, of δ_l; and the slopes of their
    log₁₀ against l, ``activation_slope`` (without the data) and ``delta_slope`` (without the output; positive where gradients
    vanish on their way back), with standard errors from the scatter of the layers, ``activation_slope_error`` and
    ``delta_slope_error``. LAYER is the name of a weight without the ending ``.weight``.

    Attributes:
        examples: Training examples that L is the mean over: fixed, equal for all lanes.

    Raises:
        SpecError: When ``examples`` < 1.

    References:
        Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, §4.

    Example:
        >>> DepthProfile().examples
        256
    """

    examples: int = 256

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=256)

    def at_point(self, point: Point) -> Columns:
        """Root mean squares and slopes, (K,) each."""
        from etude.training.probes.depth import depth_profile

        x, y = probe_examples(point, self.examples)

        def read(module: nn.Module, _row: int) -> dict[str, float]:
            return depth_profile(module, lambda: point.task.loss(module(x), y)).columns()

        return look(point, read)
