"""The top eigenvalue of the Hessian."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]

TOLERANCE = 1e-2
"""Relative bound on the error at which the iteration stops: below what differs between seeds. The error itself is smaller
still, about the square of the bound."""

ITERATIONS = 60
"""Most Hessian-vector products; the error that remains is reported."""


def sharpness(
    loss: Callable[[], Tensor], params: Sequence[Tensor], scale: Sequence[Tensor] | None = None
) -> tuple[float, float]:
    r"""Largest (most positive) eigenvalue of the Hessian of a loss, by Lanczos iteration.

    .. math:: \lambda_{\max}(S H S), \quad H = \nabla^2 L(w)

    Hessian-vector products are exact, by differentiating twice (Pearlmutter 1994). At an eigenvalue of 2/η gradient descent
    with step η is at the edge of stability (Cohen et al. 2021).

    Args:
        loss: Computes the scalar loss at the current parameters; must be differentiable twice.
        params: The parameters; those the loss does not depend on count as zero rows of H.
        scale: The diagonal S, shaped like the parameters: H in the coordinates S⁻¹w. ``None`` stands for ones.

    Returns:
        The eigenvalue and a bound on its error: some eigenvalue of H lies that close (the residual norm of the Ritz pair).
        Both NaN where the loss or its derivatives are not finite.

    References:
        Lanczos (1950); Parlett (1998), The Symmetric Eigenvalue Problem, §4.5 and §13.2.

    Example:
        >>> w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        >>> value, error = sharpness(lambda: 0.5 * (torch.tensor([1.0, 2.0, 5.0]) * w**2).sum(), [w])
        >>> round(value, 9)
        5.0
    """
    scales = [None] * len(params) if scale is None else scale
    used = [(p, s) for p, s in zip(params, scales, strict=True) if p.requires_grad]
    gradient = torch.autograd.grad(loss(), [p for p, _ in used], create_graph=True, allow_unused=True)
    kept = [(p, g, s) for (p, s), g in zip(used, gradient, strict=True) if g is not None and g.requires_grad]
    if not kept:
        return 0.0, 0.0
    weights, slopes = [p for p, _, _ in kept], [g for _, g, _ in kept]
    stretch = None if scale is None else torch.cat([s.flatten() for _, _, s in kept if s is not None])

    def product(v: Tensor) -> Tensor:
        v = v if stretch is None else stretch * v
        parts = [s.view_as(p) for s, p in zip(torch.split(v, [p.numel() for p in weights]), weights, strict=True)]
        rows = torch.autograd.grad(slopes, weights, parts, retain_graph=True, allow_unused=True)
        result = torch.cat(
            [torch.zeros_like(p).flatten() if r is None else r.flatten() for p, r in zip(weights, rows, strict=True)]
        )
        return result if stretch is None else stretch * result

    size = sum(p.numel() for p in weights)
    start = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(weights[0])
    return top_eigenvalue(product, start)


def top_eigenvalue(product: Operator, start: Tensor) -> tuple[float, float]:
    """Largest eigenvalue of a symmetric operator, and its residual norm, by Lanczos with full reorthogonalization.

    Args:
        product: Maps v (P,) to H v (P,).
        start: Start vector (P,), any but zero; a fixed random one makes the result reproducible.
    """
    basis = [start / start.norm()]
    diagonal: list[float] = []
    off: list[float] = []
    value, error = float("nan"), float("nan")
    for _ in range(min(ITERATIONS, start.numel())):
        w = product(basis[-1])
        diagonal.append(float(basis[-1] @ w))
        for _twice in range(2):
            for q in basis:
                w = w - (q @ w) * q
        beta = float(w.norm())
        if not np.isfinite(diagonal[-1]) or not np.isfinite(beta):
            return float("nan"), float("nan")
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
        value, error = float(values[-1]), beta * abs(float(vectors[-1, -1]))
        if error <= TOLERANCE * abs(value) or beta < 1e-12 * max(abs(v) for v in values):
            break
        off.append(beta)
        basis.append(w / beta)
    return value, error
