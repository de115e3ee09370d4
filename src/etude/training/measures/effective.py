"""The distribution of the learning rates that single parameters get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from torch import Tensor

    from etude.core.measure import Columns, Point

LEVELS = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


@final
@dataclass(frozen=True)
class EffectiveRates:
    r"""Quantiles, over all parameters, of the learning rate that a rule gives each of them, and of its moments.

    For Adam :math:`\eta_t / (\sqrt{\hat v} + \epsilon)`, and for the others as in ``training.effective``: columns
    ``effective_lr/q05``, ``q25``, ``q50``, ``q75`` and ``q95``. Where the rule has them also ``first_moment/…``, of |m̂|,
    and ``second_moment/…``, of the root √v̂. η is that of the step to come, the moments are as the last step left them; so
    NaN before the first step.

    Example:
        >>> EffectiveRates()
        EffectiveRates()
    """

    def at_point(self, point: Point) -> Columns:
        """Quantiles, (K,) each."""
        from etude.training.effective import effective_rates

        found = effective_rates(point.rule, point.state, point.rates, max(point.step, 1))
        kinds = {
            "effective_lr": [(name, e.rate) for name, e in found.items()],
            "first_moment": [(name, e.first.abs()) for name, e in found.items() if e.first is not None],
            "second_moment": [(name, e.root) for name, e in found.items() if e.root is not None],
        }
        columns = {}
        for kind, parts in kinds.items():
            if parts:
                rows = [value.expand_as(point.params[name]).flatten(1) for name, value in parts]
                for level, value in quantiles(rows).items():
                    columns[f"{kind}/{level}"] = value if point.step else value * float("nan")
        return columns


def quantiles(rows: list[Tensor]) -> dict[str, Tensor]:
    """Quantiles of each lane's numbers, (K, P) in parts, interpolated linearly; NaN counts as largest."""
    import torch

    # Not torch.quantile, which takes 16 million numbers at most.
    ordered = _sorted(torch.cat(rows, 1))
    columns = {}
    for name, level in LEVELS.items():
        place = level * (ordered.shape[1] - 1)
        below, above = (ordered[:, min(k, ordered.shape[1] - 1)].double() for k in (int(place), int(place) + 1))
        columns[name] = below.lerp(above, place - int(place))
    return columns


def _sorted(values: Tensor) -> Tensor:
    """Each row ascending, NaN last."""
    import numpy as np
    import torch

    if values.device.type != "cpu" or values.dtype not in (torch.float32, torch.float64):
        return values.sort(dim=1).values
    # On the CPU numpy sorts four times faster, which for a small network is more than all of its steps.
    return torch.from_numpy(np.sort(values.detach().numpy(), axis=1))
