"""How much it costs to miss the best learning rate."""

from __future__ import annotations

import numpy as np

from etude.core.trace import Array


def sensitivity(lrs: Array, losses: Array, initial: float) -> Array:
    r"""Expected excess loss when η is drawn log-uniformly from [a, b], the range of ``lrs``.

    .. math:: \mathrm{E}_{\eta\in[a,b]}\left[\min(\ell(\eta), \ell_0) - \ell^*\right],
              \qquad \ell^* = \min_{\eta\in[a,b]} \ell(\eta)

    The expectation weights each η by the length of its cell in log η, so that learning rates added around the edge do
    not count double; on a log-uniform grid all weights are equal. The value depends on [a, b] and on the grid: state
    both with it.

    Args:
        lrs: (L,) ascending, at least two.
        losses: (..., L) final losses; NaN counts as ``initial``.
        initial: ℓ0.

    Returns:
        (...) sensitivity, in the unit of the loss.

    References:
        Wortsman et al. (2023), Small-scale proxies for large-scale Transformer training instabilities, §2.2.

    Example:
        >>> grid = np.array([1e-3, 1e-2, 1e-1])
        >>> round(float(sensitivity(grid, np.array([4.5, 4.0, 9.0]), initial=7.0)), 4)
        1.1667
    """
    capped = np.where(losses < initial, losses, initial)
    excess = capped - capped.min(axis=-1, keepdims=True)
    weights = cell_lengths(np.log2(lrs))
    return np.asarray(excess @ (weights / weights.sum()))


def cell_lengths(x: Array) -> Array:
    """(L,) length of each point's cell; the end cells are as long outwards as inwards."""
    gaps = np.diff(x)
    lengths: Array = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return lengths
