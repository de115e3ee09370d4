"""Units that no longer learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.measures.inside import check_examples, in_portions, look, probe_examples

if TYPE_CHECKING:
    from torch import nn

    from etude.core.measure import Columns, Point


@final
@dataclass(frozen=True)
class Units:
    r"""Shares of units that are dead or saturated behind each activation function, at the weights in training.

    Columns ``dead/LAYER``, the share of units that no example reaches (of a ReLU: never positive), and ``saturated/LAYER``, the
    share of (unit, example) pairs on a flat end of tanh or sigmoid (of tanh: beyond ±0.97). LAYER is the activation module,
    or the module that calls the function, a dot and the function.

    Attributes:
        examples: Training examples that are tried: fixed, equal for all lanes; all there are, where there are fewer. A unit
            that answers one example in a hundred looks dead on a single batch.

    Raises:
        SpecError: When ``examples`` < 1.

    Example:
        >>> Units().examples
        1024
    """

    examples: int = 1024

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=1024)

    def at_point(self, point: Point) -> Columns:
        """Shares, (K,) each."""
        from etude.training.probes.units import count_units

        x, _ = probe_examples(point, self.examples)

        def read(module: nn.Module, _row: int) -> dict[str, float]:
            layers = count_units(module, lambda: in_portions(module, x))
            dead = {f"dead/{name}": units.dead for name, units in layers.items()}
            return dead | {f"saturated/{n}": units.saturated for n, units in layers.items() if units.saturates}

        return look(point, read)


@final
@dataclass(frozen=True)
class UnitCosine:
    r"""Whether the units of a layer all learn the same: the mean cosine between their gradients.

    Columns ``unit_cosine/WEIGHT``, for weights with two dimensions or more; 1 after a constant initialization, where every unit
    stays a copy of the others; NaN where fewer than two units have a gradient.

    Attributes:
        examples: Training examples that the gradient is taken on: fixed, equal for all lanes.

    Raises:
        SpecError: When ``examples`` < 1.

    Example:
        >>> UnitCosine().examples
        256
    """

    examples: int = 256

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=256)

    def at_point(self, point: Point) -> Columns:
        """Mean cosines, (K,) each."""
        import torch

        from etude.training.measures.lanewise import gradients_at
        from etude.training.probes.units import alikeness

        _, grads = gradients_at(point, *probe_examples(point, self.examples), point.step)
        return {
            f"unit_cosine/{name}": torch.tensor([alikeness(g) for g in grads[name]], dtype=torch.float64)
            for name, p in point.params.items()
            if p.dim() > 2
        }
