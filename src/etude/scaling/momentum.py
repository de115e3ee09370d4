"""The learning rate that momentum makes of a learning rate."""

from __future__ import annotations

from etude.core.errors import SpecError
from etude.scaling import checks


def effective_lr(lr: float, beta: float) -> float:
    r"""Learning rate of the plain SGD that heavy-ball momentum resembles while η is small.

    .. math:: \eta_\mathrm{eff} = \eta / (1 - \beta)

    With v ← βv + g and w ← w − ηv, each gradient enters the weights through the geometric series η(1 + β + β² + …).
    Exact for a gradient that does not change, and to first order in η; near the edge of stability it is not: there the
    largest stable η of a quadratic grows by 1 + β only.

    Args:
        lr: η of SGD with momentum, without dampening.
        beta: β, 0 <= β < 1.

    Returns:
        η_eff.

    Raises:
        SpecError: When ``lr`` is not positive and finite, or ``beta`` is out of its range.

    References:
        Yuan, Ying & Sayed (2016), On the influence of momentum acceleration on online learning, JMLR 17.

    Example:
        >>> round(effective_lr(0.01, beta=0.9), 12)
        0.1
    """
    _check(lr, beta)
    return lr / (1 - beta)


def nominal_lr(effective: float, beta: float) -> float:
    r"""The η that gives heavy-ball momentum a stated effective learning rate; inverse of ``effective_lr``.

    .. math:: \eta = \eta_\mathrm{eff} (1 - \beta)

    Args:
        effective: η_eff, the learning rate of plain SGD.
        beta: β, 0 <= β < 1.

    Returns:
        η.

    Raises:
        SpecError: When ``effective`` is not positive and finite, or ``beta`` is out of its range.

    Example:
        >>> round(nominal_lr(0.1, beta=0.9), 12)
        0.01
    """
    _check(effective, beta)
    return effective * (1 - beta)


def _check(lr: float, beta: float) -> None:
    checks.positive(lr, "the learning rate")
    if not 0 <= beta < 1:
        raise SpecError(f"needs 0 <= beta < 1, got {beta}: 0.9 is the usual momentum, 0 is none")
