"""Curvature: along an update, and in the coordinates of a preconditioned optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from etude.training.probes.isolated import isolated
from etude.training.sharpness import sharpness

_ROUNDINGS = 8
"""The curvature combines three losses with weights 2, −4 and 2: at worst this many roundings of one."""


@final
@dataclass(frozen=True)
class Line:
    r"""The loss along an update, as the parabola through three points.

    .. math:: L(w + s u) \approx L_0 + b s + c s^2

    Attributes:
        loss: L₀, before the update.
        slope: b, the change per update at its beginning; negative where the update goes downhill.
        curvature: c; half the second derivative along the update.
        resolution: Differences in c below this are rounding: 8 ε |L₀|, with ε of the numbers the loss is computed in.
    """

    loss: float
    slope: float
    curvature: float
    resolution: float

    @property
    def q(self) -> float:
        """−2c/b: the update's length, relative to the step that would reach the bottom of the parabola.

        At 1 the update ends in the minimum, at 2 on the opposite wall at the height where it began, beyond 2 higher; near 0
        there is no curvature to feel and a longer step would do better. NaN where the update does not go downhill. One probe
        on one batch is noisy: pool several by averaging c and b first.
        """
        return -2 * self.curvature / self.slope if self.slope < 0 else float("nan")


def line_probe(
    module: nn.Module,
    loss: Callable[[], Tensor],
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    *,
    dtype: torch.dtype | None = None,
) -> Line:
    r"""Measure slope and curvature of a loss along an update u = w₊ − w.

    .. math:: b = 4 (L_{1/2} - L_0) - (L_1 - L_0), \qquad c = 2 (L_1 - L_0) - 4 (L_{1/2} - L_0)

    with L_s the loss at w + su: three forward passes, from the same buffers and the same state of the random generators, in
    the mode the module is in. The module is left as it was.

    Args:
        module: The model.
        loss: Computes the mean loss over fixed examples from the module's present weights.
        before: w, by parameter name; parameters that are not named stay.
        after: w₊, with the same names.
        dtype: Type the module computes in meanwhile, see ``isolated``; ``loss`` must then give it such inputs. In float32
            the curvature of a short step drowns in the rounding of L.

    References:
        Schneider, Dangel & Hennig (2021), Cockpit, whose α is q − 1. arXiv:2102.06604.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> w = {"weight": torch.tensor([[1.0]])}, {"weight": torch.tensor([[-0.5]])}
        >>> line_probe(layer, lambda: layer(torch.ones(1, 1)).square().mean(), *w).q
        1.5
    """
    losses = []
    for s in (0.0, 0.5, 1.0):
        weights = {name: _between(w, after[name], s) for name, w in before.items()}
        with isolated(module, weights, dtype=dtype), torch.no_grad():
            value = loss()
            losses.append(float(value))
    half, full = losses[1] - losses[0], losses[2] - losses[0]
    resolution = _ROUNDINGS * torch.finfo(value.dtype).eps * abs(losses[0])
    return Line(losses[0], 4 * half - full, 2 * full - 4 * half, resolution)


def model_sharpness(
    module: nn.Module, loss: Callable[[], Tensor], preconditioner: Mapping[str, Tensor] | None = None
) -> tuple[float, float]:
    r"""Largest eigenvalue of the Hessian, as it is or in the coordinates that a preconditioned optimizer descends in.

    .. math:: \lambda_{\max}(P^{-1/2} H P^{-1/2})

    for updates −η P⁻¹m with a diagonal P. The edge of stability is at 2/η without momentum, and at (2 + 2β₁)/((1 − β₁) η) with
    the averaged momentum of Adam, which is 38/η at β₁ = 0.9. The module is left as it was.

    Args:
        module: The model, run in the mode it is in.
        loss: Computes the scalar loss; must be differentiable twice.
        preconditioner: P > 0 by parameter name; of Adam √v̂ + ε, see ``etude.training.effective``. ``None`` stands for ones.

    Returns:
        The eigenvalue and a bound on its error, as ``sharpness``.

    References:
        Cohen et al. (2022), Adaptive gradient methods at the edge of stability, eq. 3. arXiv:2207.14484.

    Example:
        >>> point = nn.ParameterDict({"w": torch.zeros(2, dtype=torch.float64)})
        >>> def loss():
        ...     return 0.5 * (torch.tensor([8.0, 3.0]) * point["w"] ** 2).sum()
        >>> round(model_sharpness(point, loss)[0], 9)
        8.0
        >>> round(model_sharpness(point, loss, {"w": torch.tensor([4.0, 1.0])})[0], 9)
        3.0
    """
    # On a GPU, torch's fused recurrent layers cannot be differentiated twice, those it writes out itself can.
    with isolated(module) as copies, torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        used = {name: p for name, p in copies.items() if p.requires_grad}
        scale = None if preconditioner is None else [preconditioner[n].to(p).rsqrt() for n, p in used.items()]
        return sharpness(loss, list(used.values()), scale)


def _between(w: Tensor, after: Tensor, s: float) -> Tensor:
    """The weights w + s(w₊ − w), in float64, so that both ends are met exactly."""
    return torch.lerp(w.detach().double(), after.detach().double(), s)
