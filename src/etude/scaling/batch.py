"""How the learning rate moves with the batch size, as long as it does."""

from __future__ import annotations

import math

from etude.core.errors import SpecError
from etude.scaling import checks


def linear_rule(lr: float, batch_size: int, new_batch_size: int) -> float:
    r"""Learning rate for SGD, with or without momentum, at another batch size.

    .. math:: \eta' = \eta \, B' / B

    One step on a batch κ times as large then moves as far as κ steps on small ones, if the gradient hardly changes over
    those κ steps. That fails early in training (hence warm-up) and beyond the critical batch size.

    Args:
        lr: η, tuned at ``batch_size``.
        batch_size: B [examples].
        new_batch_size: B′ [examples].

    Returns:
        η′.

    Raises:
        SpecError: When an argument is not positive.

    References:
        Goyal et al. (2017), Accurate, large minibatch SGD, section 2.1. arXiv:1706.02677.

    Example:
        >>> linear_rule(0.1, batch_size=256, new_batch_size=1024)
        0.4
    """
    return lr * _ratio(lr, batch_size, new_batch_size)


def square_root_rule(lr: float, batch_size: int, new_batch_size: int) -> float:
    r"""Learning rate for Adam and its like, at another batch size.

    .. math:: \eta' = \eta \, \sqrt{B' / B}

    Keeps the variance that gradient noise adds to the weights per step, which for SGD was the first argument for this
    rule. For Adam and RMSprop it is the learning rate's part of a rule under which, with κ = B′/B, the moments also
    forget faster, 1 − β′ = κ(1 − β), and ε′ = ε/√κ.

    Args:
        lr: η, tuned at ``batch_size``.
        batch_size: B [examples].
        new_batch_size: B′ [examples].

    Returns:
        η′.

    Raises:
        SpecError: When an argument is not positive.

    References:
        Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks. arXiv:1404.5997.
        Malladi et al. (2022), On the SDEs and scaling rules for adaptive gradient algorithms.
        arXiv:2205.10287.

    Example:
        >>> square_root_rule(0.1, batch_size=256, new_batch_size=1024)
        0.2
    """
    return lr * math.sqrt(_ratio(lr, batch_size, new_batch_size))


def _ratio(lr: float, batch_size: int, new_batch_size: int) -> float:
    checks.positive(lr, "the learning rate")
    for size in (batch_size, new_batch_size):
        if size < 1:
            raise SpecError(f"needs a batch size >= 1, got {size}: pass a positive whole number")
    return new_batch_size / batch_size
