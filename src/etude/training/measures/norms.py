"""Lengths: of gradients, of updates, of weights, and of updates relative to the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from etude.core.gradients import Params
    from etude.core.measure import Columns, Moment


@final
@dataclass(frozen=True)
class GradientNorm:
    r"""Length of the gradient before clipping, ‖g_t‖: column ``gradient_norm``.

    Attributes:
        layers: One column more for each parameter, ``gradient_norm/0.weight``.

    Example:
        >>> GradientNorm(layers=True).layers
        True
    """

    layers: bool = False

    def at_step(self, moment: Moment) -> Columns:
        """Norms, (K,) each."""
        return _columns("gradient_norm", moment.grads, layers=self.layers)


@final
@dataclass(frozen=True)
class UpdateNorm:
    r"""Length of the update as it was made, ‖Δw_t‖ with Δw_t = w_{t+1} − w_t: column ``update_norm``.

    The difference of the weights, so momentum, decay and whatever else the rule does is in it, and its rounding too.

    Attributes:
        layers: One column more for each parameter.

    Example:
        >>> UpdateNorm().layers
        False
    """

    layers: bool = False

    def at_step(self, moment: Moment) -> Columns:
        """Norms, (K,) each."""
        return _columns("update_norm", moment.update, layers=self.layers)


@final
@dataclass(frozen=True)
class WeightNorm:
    r"""Length of the weights before the update, ‖w_t‖: column ``weight_norm``.

    Attributes:
        layers: One column more for each parameter.

    Example:
        >>> WeightNorm().layers
        False
    """

    layers: bool = False

    def at_step(self, moment: Moment) -> Columns:
        """Norms, (K,) each."""
        return _columns("weight_norm", moment.params, layers=self.layers)


@final
@dataclass(frozen=True)
class UpdateRatio:
    r"""Update ratio, the length of an update relative to the weights that it changes: column ``update_ratio``.

    .. math:: \frac{\lVert w_{t+1} - w_t \rVert}{\lVert w_t \rVert}

    NaN where the weights are zero, as a bias often is at first. A thousandth per step is the usual rule of thumb for a layer.

    Attributes:
        layers: One column more for each parameter.

    Example:
        >>> UpdateRatio(layers=True)
        UpdateRatio(layers=True)
    """

    layers: bool = False

    def at_step(self, moment: Moment) -> Columns:
        """Ratios, (K,) each."""
        updates = _columns("update_ratio", moment.update, layers=self.layers)
        weights = _columns("update_ratio", moment.params, layers=self.layers)
        return {name: (u / weights[name]).where(weights[name] > 0, float("nan")) for name, u in updates.items()}


def _columns(name: str, tensors: Params, *, layers: bool) -> Columns:
    from etude.training.vectors import layer_norms, together

    per_layer = layer_norms(tensors)
    total = {name: together(per_layer.values())}
    return total | ({f"{name}/{layer}": norm for layer, norm in per_layer.items()} if layers else {})
