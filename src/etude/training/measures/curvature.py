"""Curvature where the optimizer goes: along its next update, and in its own coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.measures.inside import check_examples, look, probe_examples

if TYPE_CHECKING:
    from torch import Tensor, nn

    from etude.core.gradients import Params
    from etude.core.measure import Columns, Point
    from etude.training.probes.curvature import Line


@final
@dataclass(frozen=True)
class LineProbe:
    r"""The loss on fixed examples along the update that the next batch makes, before clipping, as a parabola.

    .. math:: L(w + s u) \approx L_0 + b s + c s^2, \qquad q = -2c/b

    Columns ``probe_loss`` (L₀), ``probe_slope`` (b), ``probe_curvature`` (c), and ``probe_resolution``, rounding, below which c
    says nothing. Pool several points before dividing: q is near 0 where the learning rate could be much larger, 1 where the
    update reaches the bottom of the parabola, 2 where it goes up the other side to the same height. The losses are computed in
    float64 where the model lets itself be converted, else in its own precision.

    Attributes:
        examples: Training examples that L is the mean over: fixed, equal for all lanes.

    Raises:
        SpecError: When ``examples`` < 1.

    References:
        Schneider, Dangel & Hennig (2021), Cockpit, whose α is q − 1. arXiv:2102.06604.

    Example:
        >>> LineProbe().examples
        256
    """

    examples: int = 256

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=256)

    def at_point(self, point: Point) -> Columns:
        """Loss, slope, curvature and resolution, (K,) each."""
        from etude.training.measures.lanewise import next_update

        x, y = probe_examples(point, self.examples)
        update = next_update(point)

        def read(module: nn.Module, row: int) -> dict[str, float]:
            before = {name: p[row].double() for name, p in point.params.items()}  # float64 holds both ends exactly
            after = {name: p + update[name][row].double() for name, p in before.items()}
            line = _line(point, module, before, after, x, y)
            return {
                "probe_loss": line.loss,
                "probe_slope": line.slope,
                "probe_curvature": line.curvature,
                "probe_resolution": line.resolution,
            }

        return look(point, read)


@final
@dataclass(frozen=True)
class PreconditionedSharpness:
    r"""Largest eigenvalue of the training loss's Hessian in the coordinates of the update rule.

    .. math:: \lambda_{\max}(P^{-1/2} \nabla^2 L(w) P^{-1/2}), \qquad P = \eta / \eta_\mathrm{eff}

    with η_eff the learning rate that a rule gives each single parameter, see ``training.effective``: P = √v̂ + ε for Adam.
    Columns ``preconditioned_sharpness`` and ``preconditioned_sharpness_error``; NaN before the first step and where η = 0.
    Times η, the edge of stability is at (2 + 2β₁)/(1 − β₁) for rules that average the gradient, 38 at β₁ = 0.9, and at 2
    without momentum. The loss is taken in evaluation mode, at the weights in training.

    Attributes:
        examples: Training examples that L is the mean over: fixed, equal for all lanes.

    Raises:
        SpecError: When ``examples`` < 1.

    References:
        Cohen et al. (2022), Adaptive gradient methods at the edge of stability, eq. 3. arXiv:2207.14484.

    Example:
        >>> PreconditionedSharpness().examples
        1000
    """

    examples: int = 1000

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=1000)

    def at_point(self, point: Point) -> Columns:
        """Eigenvalues and bounds on their errors, (K,) each."""
        from etude.training.effective import effective_rates
        from etude.training.probes.curvature import model_sharpness

        x, y = probe_examples(point, self.examples)
        found = effective_rates(point.rule, point.state, point.rates, max(point.step, 1))
        rates = {name: e.rate.expand_as(point.params[name]) for name, e in found.items()}

        def read(module: nn.Module, row: int) -> dict[str, float]:
            value = error = float("nan")
            if point.step:
                module.eval()
                P = {name: float(point.lr[row]) / rate[row] for name, rate in rates.items()}
                value, error = model_sharpness(module, lambda: point.task.loss(module(x), y), P)
            return {"preconditioned_sharpness": value, "preconditioned_sharpness_error": error}

        return look(point, read)


def _line(point: Point, module: nn.Module, before: Params, after: Params, x: Tensor, y: Tensor) -> Line:
    import torch

    from etude.training.probes.curvature import line_probe

    def doubled(t: Tensor) -> Tensor:
        return t.double() if t.is_floating_point() else t

    wide = doubled(x), doubled(y)
    try:
        return line_probe(module, lambda: point.task.loss(module(wide[0]), wide[1]), before, after, dtype=torch.float64)
    except RuntimeError:  # the model or the loss holds tensors of its own type
        return line_probe(module, lambda: point.task.loss(module(x), y), before, after)
