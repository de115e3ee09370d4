"""The types of transformers' ``get_scheduler`` as schedules, each with its edges.

The functions have the names of the types, and take the length of the run N, the warm-up's W, and what the type takes
besides. The value at t is the multiple of the optimizer's learning rate after t calls of ``step()``. All of them warm
up by t/W, so that the first step trains at 0; with W = 0 there is none. (``reduce_lr_on_plateau`` and ``greedy`` read
a loss, so they are no schedules.)
"""

from __future__ import annotations

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import chain
from etude.schedules.constant import Constant
from etude.schedules.cooldown import PowerCooldown
from etude.schedules.cosine import Cosine
from etude.schedules.inverse_sqrt import InverseSqrt
from etude.schedules.linear import Linear
from etude.schedules.polynomial import Polynomial
from etude.schedules.replan import window
from etude.schedules.restarts import CosineRestarts


def constant(steps: int) -> Schedule:
    """``constant``: 1."""
    return Constant(steps)


def constant_with_warmup(steps: int, warmup: int) -> Schedule:
    """``constant_with_warmup``: t/W, then 1."""
    return _after_warmup(steps, warmup, Constant(steps))


def linear(steps: int, warmup: int) -> Schedule:
    """``linear``: t/W, then (N − t)/(N − W)."""
    return _after_warmup(steps, warmup, Linear(1.0, 0.0, max(steps - warmup, 1)))


def cosine(steps: int, warmup: int) -> Schedule:
    """``cosine`` with its half cycle: t/W, then ½ (1 + cos πp), p = (t − W)/(N − W)."""
    return cosine_with_min_lr(steps, warmup, 0.0)


def cosine_with_min_lr(steps: int, warmup: int, floor: float) -> Schedule:
    """``cosine_with_min_lr``: the same, squeezed to end at the floor (``min_lr_rate``)."""
    return _after_warmup(steps, warmup, Cosine(1.0, floor, max(steps - warmup, 1)))


def cosine_with_restarts(steps: int, warmup: int, cycles: int = 1) -> Schedule:
    """``cosine_with_restarts``: t/W, then ½ (1 + cos π(cp mod 1)) with c = ``cycles``."""
    length = max(steps - warmup, 1)
    if cycles > length:
        raise SpecError(f"needs at most {length} cycles, one for each step after the warm-up, got {cycles}: take fewer")
    return _after_warmup(steps, warmup, CosineRestarts(length, length / checks.length(cycles, "cycles")))


def polynomial(steps: int, warmup: int, power: float = 1.0, floor: float = 1e-4) -> Schedule:
    """``polynomial``: t/W, then (1 − b)(1 − p)^k + b, with b = ``floor`` = ``lr_end`` over the learning rate."""
    return _after_warmup(steps, warmup, Polynomial(1.0, floor, max(steps - warmup, 1), power))


def inverse_sqrt(steps: int, warmup: int, timescale: int | None = None) -> Schedule:
    """``inverse_sqrt``: t/W, then 1/√(1 + (t − W)/τ) with τ = W unless given, or 10 000 if that is 0."""
    return _after_warmup(steps, warmup, InverseSqrt(steps, timescale or warmup or 10_000))


def warmup_stable_decay(
    steps: int, warmup: int, decay: int, shape: str = "cosine", warmup_shape: str = "linear", floor: float = 0.0
) -> Schedule:
    """``warmup_stable_decay``: from the floor up, stable, down to the floor (``min_lr_ratio``), which is reached after N.

    Args:
        steps: N [optimizer steps].
        warmup: W [optimizer steps].
        decay: D [optimizer steps]; W + D must not exceed N (there the stable phase would get a negative length).
        shape: ``"linear"``, ``"cosine"`` or ``"1-sqrt"``.
        warmup_shape: ``"linear"`` or ``"cosine"``; both begin at the floor, not above it.
        floor: ``min_lr_ratio``.
    """
    shapes = {"linear": Linear, "cosine": Cosine}
    checks.one_of(shape, ("linear", "cosine", "1-sqrt"), "shape")
    rise = shapes[checks.one_of(warmup_shape, tuple(shapes), "warmup_shape")]
    stable = steps - warmup - decay
    if stable < 0:
        raise SpecError(f"the warm-up and the decay take {warmup + decay} steps but the run has {steps}: shorten one")
    parts: list[Schedule] = [rise(floor, 1.0, warmup)] if warmup else []
    parts += [Constant(stable)] if stable else []
    if decay:
        parts.append(shapes[shape](1.0, floor, decay) if shape in shapes else PowerCooldown(1.0, floor, decay))
    return chain(*parts)


def _after_warmup(steps: int, warmup: int, main: Schedule) -> Schedule:
    """t/W, then the main schedule; the run may end before either does."""
    steps = checks.length(steps)
    if warmup == 0:
        return window(main, 0, steps)
    if warmup >= steps:
        return window(Linear(0.0, 1.0, warmup), 0, steps)
    return chain(Linear(0.0, 1.0, warmup), window(main, 0, steps - warmup))
