"""How far updates turn the weights, and for which weights nothing else counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from etude.training.measures.inside import check_examples, look, probe_examples

if TYPE_CHECKING:
    from torch import nn

    from etude.core.measure import Columns, Moment, Point


@final
@dataclass(frozen=True)
class AngularUpdate:
    r"""Angle between a weight before and after the update [radians]: columns ``angular_update/WEIGHT``.

    .. math:: \arccos \frac{\langle w_t, w_{t+1} \rangle}{\lVert w_t \rVert \lVert w_{t+1} \rVert}

    For weights with two dimensions or more. Where normalization follows a weight its length has no effect, and this is its
    step; with decay λ it settles at √(2ηλ). NaN where a weight is zero.

    References:
        Wan et al. (2021), Spherical motion dynamics, eq. 13. arXiv:2006.08419.

    Example:
        >>> AngularUpdate()
        AngularUpdate()
    """

    def at_step(self, moment: Moment) -> Columns:
        """Angles, (K,) each."""
        from etude.training.probes.angular import turns

        return {
            f"angular_update/{name}": turns(w, moment.update[name]) for name, w in moment.params.items() if w.dim() > 2
        }


@final
@dataclass(frozen=True)
class ScaleInvariance:
    r"""Which weights are scale-invariant, found by trying: columns ``scale_invariant/WEIGHT``, 1 or 0.

    For weights with two dimensions or more; each costs four forward passes, so ``AtEnd(ScaleInvariance())`` is enough.

    Attributes:
        examples: Training examples that the loss is compared on: fixed, equal for all lanes.

    Raises:
        SpecError: When ``examples`` < 1.

    Example:
        >>> ScaleInvariance().examples
        256
    """

    examples: int = 256

    def __post_init__(self) -> None:
        check_examples(self.examples, usual=256)

    def at_point(self, point: Point) -> Columns:
        """1 or 0, (K,) each."""
        from etude.training.probes.angular import scale_invariant

        x, y = probe_examples(point, self.examples)
        weights = [name for name, p in point.params.items() if p.dim() > 2]

        def read(module: nn.Module, _row: int) -> dict[str, float]:
            found = scale_invariant(module, lambda: point.task.loss(module(x), y))
            return {f"scale_invariant/{name}": float(name in found) for name in weights}

        return look(point, read)
