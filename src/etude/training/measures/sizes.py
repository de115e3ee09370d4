"""The distribution of weights, gradients and updates over the entries of each layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from etude.core.measure import Columns, Point


@final
@dataclass(frozen=True)
class Sizes:
    r"""Quantiles of |w|, |g| and |Δw| over the entries of every weight with two dimensions or more, and over all parameters.

    .. math:: \Delta w = w_{t+1} - w_t

    g is the gradient of the batch to come and Δw the update that the rule makes of it, before clipping. Columns
    ``weight_size/q05``, ``q25``, ``q50``, ``q75`` and ``q95`` over all parameters and ``weight_size/WEIGHT/q05`` … of each
    weight; likewise ``gradient_size`` and ``update_size``.

    Example:
        >>> Sizes()
        Sizes()
    """

    def at_point(self, point: Point) -> Columns:
        """Quantiles, (K,) each."""
        from etude.training.measures.effective import quantiles
        from etude.training.measures.lanewise import gradients_at, next_update

        x, y = point.task.batch(point.seed, point.step, point.batch_size)
        _, grads = gradients_at(point, x, y, point.step)
        columns = {}
        for kind, tensors in (("weight", point.params), ("gradient", grads), ("update", next_update(point))):
            rows = {name: tensors[name].abs().flatten(1) for name in point.params}
            for level, value in quantiles(list(rows.values())).items():
                columns[f"{kind}_size/{level}"] = value
            for name, row in rows.items():
                if point.params[name].dim() > 2:
                    columns |= {f"{kind}_size/{name}/{level}": v for level, v in quantiles([row]).items()}
        return columns
