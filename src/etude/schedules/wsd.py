"""Warmup, stable, decay: a trapezoid whose end can be decided late."""

from __future__ import annotations

from etude.core.errors import SpecError
from etude.core.schedule import Schedule
from etude.schedules import checks
from etude.schedules.chain import chain
from etude.schedules.constant import Constant
from etude.schedules.cooldown import cooldown as _cooldown
from etude.schedules.warmup import LinearWarmup


def wsd(steps: int, warmup: int, cooldown: int, shape: str = "1-sqrt", stop: float = 0.0) -> Schedule:
    """Warm up, stay at the peak, cool down; each phase may have length 0 and is then left out.

    The warm-up is linear and ends at the peak; the cooldown begins at the peak and is half-open, so no step is at a
    learning rate of 0.

    Args:
        steps: Length of the whole [optimizer steps], at least 1.
        warmup: Length of the warm-up [optimizer steps].
        cooldown: Length of the cooldown [optimizer steps].
        shape: Of the cooldown: ``"linear"``, ``"cosine"``, ``"1-sqrt"`` (default: the best in the reference) or ``"1-square"``.
        stop: Multiplier that the cooldown approaches [1 = peak learning rate].

    Returns:
        A chain of up to three segments.

    Raises:
        SpecError: When the phases are longer than the whole, a length is negative, or the shape is unknown.

    References:
        Hu et al. (2024), MiniCPM, section 4. arXiv:2404.06395.
        Hägele et al. (2024), Scaling laws and compute-optimal training beyond fixed training durations. arXiv:2405.18392.

    Example:
        >>> trapezoid = wsd(steps=6, warmup=2, cooldown=2, shape="linear")
        >>> [trapezoid(t) for t in range(6)]
        [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    steps = checks.length(steps)
    if warmup < 0 or cooldown < 0:
        raise SpecError(f"needs warmup and cooldown >= 0, got {warmup} and {cooldown}: 0 leaves a phase out")
    stable = steps - warmup - cooldown
    if stable < 0:
        raise SpecError(
            f"the warm-up and the cooldown take {warmup} + {cooldown} steps but the whole has {steps}: shorten one of them"
        )
    parts: list[Schedule] = [LinearWarmup(warmup)] if warmup else []
    parts += [Constant(stable)] if stable else []
    parts += [_cooldown(1.0, stop, cooldown, shape)] if cooldown else []
    return chain(*parts)
