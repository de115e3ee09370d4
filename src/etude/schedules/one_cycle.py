"""One rise and one fall over a whole run, and the momentum that mirrors it."""

from __future__ import annotations

from etude.core.errors import SpecError
from etude.schedules import checks
from etude.schedules.points import Points


def one_cycle(
    steps: int,
    rise: float = 0.3,
    start: float = 1 / 25,
    stop: float = 1 / 25e4,
    shape: str = "cosine",
    *,
    three_phase: bool = False,
) -> Points:
    r"""Up to the peak, and down to almost nothing; with three phases by way of the start.

    Through the points, with half cosines or straight lines between them:

    .. math:: (0, a), \; (rT - 1, 1), \; [(2rT - 2, a),] \; (T - 1, b)

    with a = ``start``, b = ``stop``, r = ``rise``, T = ``steps``; the bracket belongs to three phases. Both ends are
    played: step 0 at a, the last step at b. A phase without length is left out: with rT ≤ 1 the run begins at the
    peak, with r = 1 it ends there, and a run of one step is at the peak.

    Args:
        steps: T [optimizer steps], at least 1.
        rise: r, share of the steps up to the peak; 0.3 by default, as in torch.
        start: a, multiplier at step 0 [1 = peak learning rate].
        stop: b, multiplier at the last step [1 = peak learning rate].
        shape: ``"cosine"`` or ``"linear"``.
        three_phase: Whether to come down as fast as up, and then to ``stop``; needs ``rise`` of at most one half.

    Raises:
        SpecError: When an argument is out of its range.

    References:
        Smith & Topin (2018), Super-convergence: very fast training using large learning rates. arXiv:1708.07120.

    Example:
        >>> cycle = one_cycle(steps=5, rise=0.6, start=0.5, stop=0.0, shape="linear")
        >>> [cycle(t) for t in range(5)]
        [0.5, 0.75, 1.0, 0.5, 0.0]
    """
    values = (start, 1.0, start, stop) if three_phase else (start, 1.0, stop)
    return _through(steps, rise, values, 1.0, shape)


def one_cycle_momentum(
    steps: int, rise: float = 0.3, low: float = 0.85 / 0.95, shape: str = "cosine", *, three_phase: bool = False
) -> Points:
    r"""The momentum that goes with ``one_cycle``: lowest where the learning rate is highest.

    Through the same points with the values 1, b, 1 (and 1 again, with three phases), where b = ``low``.

    Args:
        steps: T [optimizer steps], at least 1.
        rise: Share of the steps up to the learning rate's peak.
        low: b, lowest multiplier of the largest momentum; 0.85/0.95 by default, as in torch.
        shape: ``"cosine"`` or ``"linear"``.
        three_phase: As for the learning rate.

    Raises:
        SpecError: When an argument is out of its range.

    Example:
        >>> momentum = one_cycle_momentum(steps=5, rise=0.6, low=0.5, shape="linear")
        >>> [momentum(t) for t in range(5)]
        [1.0, 0.75, 0.5, 0.75, 1.0]
    """
    values = (1.0, low, 1.0, 1.0) if three_phase else (1.0, low, 1.0)
    return _through(steps, rise, values, low, shape)


def _through(steps: int, rise: float, values: tuple[float, ...], top: float, shape: str) -> Points:
    """Points at the ends of the phases, without the phases that have no length."""
    checks.length(steps)
    checks.one_of(shape, ("cosine", "linear"), "shape")
    checks.between(rise, 0.0, 1.0, "rise")
    if len(values) == 4 and rise > 0.5:
        raise SpecError(f"needs rise <= 0.5 with three phases, got {rise}: the way down is as long as the way up")
    if steps == 1:
        return Points(1, (0.0,), (top,), shape)
    turns = [max(k * (rise * steps - 1), 0.0) for k in range(1, len(values) - 1)]
    ends = [0.0, *turns, steps - 1.0]
    if rise * steps <= 1:  # no way up, nor the way down that would be as long
        ends, values = [0.0, steps - 1.0], (top, values[-1])
    elif ends[-2] >= ends[-1]:
        ends, values = ends[:-1], values[:-1]
    return Points(steps, tuple(ends), values, shape)
