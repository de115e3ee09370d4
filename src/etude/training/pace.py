"""What steps are made with: learning rates, the rule, clipping."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from math import inf, prod
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etude.core.controller import PerLane
from etude.core.gradients import Params
from etude.core.rule import JointRule
from etude.training.clip import clip_, clip_values_
from etude.training.lanes import Lanes


@final
class Pace:
    """What the steps of K lanes are made with; holds for as long as no lane leaves the stack.

    All of it is laid out beforehand, as far as it is known beforehand: it is looked up at every step.

    Attributes:
        limits: Gradient norms to clip at, (K,), infinite in lanes without clipping; ``None`` where no lane has any.
        value_limits: The same for clipping by value.
    """

    def __init__(self, lanes: Lanes) -> None:
        specs = lanes.living
        self._lanes = lanes
        self._table = peak_table(lanes)
        self._rates = rates_of(lanes, self._table) if lanes.shared.controller is None else None
        self._rule = None if any(s.scheduled for s in specs) else lanes.rule_at(0)
        any_param = next(iter(lanes.params.values()))
        self.limits = _limits([s.clip_norm for s in specs], any_param)
        self.value_limits = _limits([s.clip_value for s in specs], any_param)

    def rule(self, step: int) -> JointRule:
        """The rule with the hyperparameters of a step."""
        return self._rule or self._lanes.rule_at(step)

    def clip(self, grads: Params) -> Tensor | None:
        """Clip gradients in place; what their norms were multiplied by, (K,), or ``None`` where no lane clips."""
        factors = None if self.limits is None else clip_(grads, self.limits)
        if self.value_limits is None:
            return factors
        left = clip_values_(grads, self.value_limits)
        return left if factors is None else left.mul_(factors)

    def lr(self, step: int) -> Tensor:
        """η of a step before group scales, (K,)."""
        return torch.as_tensor(self._lr(step))

    def rates(self, step: int) -> Params:
        """Learning rates of a step per parameter, each (K, 1, ..., 1)."""
        if self._rates is None:
            return rates_of(self._lanes, self._lr(step))
        return {name: rates[step] for name, rates in self._rates.items()}

    def _lr(self, step: int) -> PerLane:
        return np.asarray(self._table[step] * self._lanes.multiplier)


def _limits(clips: Sequence[float | None], like: Tensor) -> Tensor | None:
    return None if all(c is None for c in clips) else like.new_tensor([inf if c is None else c for c in clips])


def lr_at(lanes: Lanes, step: int) -> PerLane:
    """η of a step before group scales, as the controllers have it now, (K,)."""
    return np.asarray(np.array([s.peak_lr * s.schedule(step) for s in lanes.living]) * lanes.multiplier)


def peak_table(lanes: Lanes) -> NDArray[np.float64]:
    r"""The open-loop part of every step's learning rate, before group scales, (T, K).

    .. math:: lr[t, k] = peak\_lr[k] \cdot m_k(t)
    """
    return np.array([[s.peak_lr * s.schedule(t) for s in lanes.living] for t in range(lanes.shared.steps)])


def rates_of(lanes: Lanes, lr: NDArray[np.float64]) -> Params:
    r"""Learning rates per parameter, shaped to broadcast against it.

    .. math:: rate[\dots, k, g] = lr[\dots, k] \cdot s[g]

    Args:
        lanes: The lanes, which have the parameters and the group scales.
        lr: Learning rates before group scales, (..., K).

    Returns:
        Tensors of shape (..., K, 1, ..., 1), one for each parameter, in the parameters' dtype; computed in float64.
    """
    scaled: dict[tuple[float, torch.dtype], Tensor] = {}
    rates = {}
    for name, p in lanes.params.items():
        scale = prod(s for pattern, s in lanes.shared.group_scales if fnmatchcase(name, pattern))
        if (scale, p.dtype) not in scaled:
            scaled[scale, p.dtype] = torch.as_tensor(lr * scale).to(p)
        rates[name] = scaled[scale, p.dtype].view(*lr.shape, *[1] * (p.dim() - 1))
    return rates
