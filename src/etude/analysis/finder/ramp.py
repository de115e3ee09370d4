"""A ramp: the learning rate rises geometrically from step to step, and the loss is watched.

A ramp lags: what a learning rate does to the loss takes steps to show, and by then the ramp is higher. In a noiseless
quadratic of one dimension its divergence is seen 12 to 64 % above the edge, in one of many dimensions perhaps never. So the
ramp gives a range to search in, and no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from etude.core.message import Message
from etude.core.trace import Array

_PLAIN = 2.5
"""Standard deviations of noise that a fall must exceed: in 99 of 100 simulated ramps of pure noise the lowest of eighty running
medians stays below 2.5. On the tuning problems of the scoreboard the best learning rate lay 0.4 to 1.6 decades below the
ramp's divergence."""

_QUIET = 10
"""Steps at the beginning of a ramp whose learning rates move nothing yet: their losses show the level and the noise."""

_HALF_WINDOW = 2
_RISE = 2.0
_SIGMAS = 10.0
_ABSURD = 1e15


@dataclass(frozen=True, eq=False)
class Ramp:
    """Losses ℓ (N,) at rising learning rates η (N,); each loss is taken before the update with its η.

    A ramp that was stopped has fewer losses than were planned; the last one may not be finite.
    """

    lrs: Array
    losses: Array


@dataclass(frozen=True)
class RampReading:
    """What a ramp shows.

    Attributes:
        base: Loss before anything moves.
        noise: Standard deviation of the loss from batch to batch, robust.
        descent: How far the smoothed loss fell below the base.
        onset: Smallest learning rate at which the fall is plain.
        lowest: Learning rate at the lowest smoothed loss.
        diverged: Learning rate at which the loss left its range for good: an upper bound of the edge. ``None``: it did not.
        objection: Why nothing can be found, or ``None``.
    """

    base: float
    noise: float
    descent: float
    onset: float
    lowest: float
    diverged: float | None
    objection: Message | None = None

    @property
    def start(self) -> float:
        """Where short runs begin: amid the fall, in log η; where noise may feign the fall, a decade below the divergence."""
        if self.diverged is not None and self.descent < _PLAIN * self.noise:
            return self.diverged / 10
        return float(np.sqrt(self.onset * self.lowest))


def smoothed(losses: Array) -> Array:
    """Running median over five steps, which a single spike does not move; shorter at the ends.

    Example:
        >>> smoothed(np.array([1.0, 1.0, 9.0, 1.0, 1.0])).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    return np.array([np.median(losses[max(i - _HALF_WINDOW, 0) : i + _HALF_WINDOW + 1]) for i in range(len(losses))])


def level(losses: Array) -> tuple[float, float]:
    """Median of the first losses, and 1.48 times their median absolute deviation: level and noise before anything moves."""
    quiet = losses[:_QUIET]
    quiet = quiet[np.isfinite(quiet)]
    middle = float(np.median(quiet)) if len(quiet) else np.nan
    return middle, 1.4826 * float(np.median(np.abs(quiet - middle))) if len(quiet) else np.nan


def has_exploded(losses: Array, base: float, noise: float) -> bool:
    r"""Whether a run need not go on: the last loss is not finite, or the last three have left the range that it began in.

    .. math:: \operatorname{median}(\ell_{t-2}, \ell_{t-1}, \ell_t) > b + \max(2 D, |b|, 10\sigma)

    with b the loss at the beginning, σ its noise and D = b − min of the smoothed losses so far. The loss may
    be negative and of any scale. The rule only saves steps: whether a run that went on is sound, its value decides.
    """
    if not np.isfinite(losses[-1]):
        return True
    if len(losses) < 3:
        return False
    windows = sliding_window_view(losses, min(len(losses), 2 * _HALF_WINDOW + 1))
    descent = max(base - float(np.median(windows, axis=1).min()), 0.0)
    margin = max(_RISE * descent, abs(base), _SIGMAS * noise)
    return bool(np.median(losses[-3:]) > base + margin)


def read_ramp(ramp: Ramp) -> RampReading:
    """Level, noise, descent and range of a ramp, or why there is none."""
    lrs, losses = ramp.lrs, ramp.losses
    base, noise = level(losses)
    objection = _broken(losses)
    if objection is not None:
        return RampReading(base, noise, 0.0, float(lrs[0]), float(lrs[0]), None, objection)
    finite = np.isfinite(losses)
    # Ten losses tell noise badly; differences of neighbours tell it from the whole ramp, whatever its trend.
    noise = max(noise, 1.4826 * float(np.median(np.abs(np.diff(losses[finite])))) / np.sqrt(2))
    curve = smoothed(losses[finite])
    lowest = int(np.argmin(curve))
    descent = max(base - float(curve[lowest]), 0.0)
    fallen = np.flatnonzero(curve < base - max(0.1 * descent, noise))
    onset = int(fallen[0]) if len(fallen) else lowest
    exploded = has_exploded(losses, base, noise)
    found = RampReading(
        base,
        noise,
        descent,
        float(lrs[onset]),
        float(lrs[lowest]),
        float(lrs[len(losses) - 1]) if exploded else None,
    )
    return found if np.ptp(losses[finite]) > 0 else RampReading(**vars(found) | {"objection": Message("find.still")})


def _broken(losses: Array) -> Message | None:
    first = float(losses[0])
    if np.isnan(first):
        return Message("find.nan")
    if np.isinf(first):
        return Message("find.infinite")
    if abs(first) > _ABSURD:
        return Message("find.absurd", {"loss": first})
    if len(losses) <= _QUIET and has_exploded(losses, *level(losses)):
        return Message("find.explodes_at_once", {"step": len(losses) - 1})
    return None
