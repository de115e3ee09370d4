"""The gradient on its way back through time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.measures.inside import check_examples, look, probe_examples

if TYPE_CHECKING:
    from torch import nn

    from etude.core.measure import Columns, Point

_NUMBERS = ("slope", "slope_error", "first", "last")


@final
@dataclass(frozen=True)
class HiddenGradients:
    r"""How the gradient ‖∂L/∂h_t‖ with respect to a recurrent network's states changes on its way back through time.

    Columns ``hidden_gradient/slope``, powers of ten per step back in time (positive explodes, negative vanishes);
    ``hidden_gradient/slope_error``, its standard error from the scatter about the line; ``hidden_gradient/first`` and
    ``hidden_gradient/last``, the norms at the first and the last time step. Of several recurrent layers or directions the one
    with the steepest slope is told of. NaN for a model without any.

    Attributes:
        examples: Training examples that L is the mean over: fixed, equal for all lanes.
        times: One column more for each time step of every recurrent layer, ``hidden_gradient/LAYER/0`` and so on.

    Raises:
        SpecError: When ``examples`` < 1; at the first point, when a layer cannot be written out step by step.

    References:
        Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, eqs. 3-5.

    Example:
        >>> HiddenGradients(times=True).examples
        256
    """

    examples: int = 256
    times: bool = False

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=256)

    def at_point(self, point: Point) -> Columns:
        """Slopes and norms, (K,) each."""
        from etude.training.probes.recurrent import hidden_gradients

        x, y = probe_examples(point, self.examples)

        def read(module: nn.Module, _row: int) -> dict[str, float]:
            layers = hidden_gradients(module, lambda: point.task.loss(module(x), y))
            numbers = dict.fromkeys(_NUMBERS, float("nan"))
            if layers:
                steepest = max(layers.values(), key=lambda own: abs(own.growth.rate))
                growth, norms = steepest.growth, steepest.norms
                numbers = dict(zip(_NUMBERS, (growth.rate, growth.error, norms[0], norms[-1]), strict=True))
            if self.times:
                numbers |= {f"{n}/{t}": norm for n, own in layers.items() for t, norm in enumerate(own.norms)}
            return {f"hidden_gradient/{name}": number for name, number in numbers.items()}

        return look(point, read)
