r"""Where the minimum of linear and logistic regression lies, and how the loss is curved there.

All losses are means over the n rows of X, with a penalty ½μ‖W‖². Weights W are (C, d), one row per output; eigenvalues are
those of the Hessian with respect to all C·d weights. Every function also gives a bound on λmax that holds at every W: the one
of textbooks, from which follows a learning rate that is always safe, 2/bound, though not always the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from etude.core.errors import SpecError
from etude.core.trace import Array

_NEWTON_STEPS = 60
_FLAT = 1e-10
"""Gradient norm, relative to the one at the start, at which Newton's method has arrived."""

Local = tuple[float, Array, Array]
"""Loss, gradient (P,) and Hessian (P, P) at a point."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """The minimum of a convex loss.

    Attributes:
        weights: W*, (C, d).
        loss: L* = L(W*).
        eigenvalues: Of the Hessian at W*, (C·d,), ascending.
        bound: A bound on λmax of the Hessian at every W.
    """

    weights: Array
    loss: float
    eigenvalues: Array
    bound: float

    @property
    def bottom(self) -> float:
        """λmin."""
        return float(self.eigenvalues[0])

    @property
    def top(self) -> float:
        """λmax."""
        return float(self.eigenvalues[-1])


def least_squares(inputs: Array, targets: Array, penalty: float = 0.0) -> Minimum:
    r"""Linear regression.

    .. math:: L(W) = \frac{1}{nC} \lVert X W^\top - Y \rVert^2 + \frac{\mu}{2} \lVert W \rVert^2, \qquad
              H = \frac{2}{nC}\, I_C \otimes X^\top X + \mu I

    The Hessian is the same everywhere, so the bound is λmax itself.

    Args:
        inputs: X, (n, d).
        targets: Y, (n, C).
        penalty: μ ≥ 0.

    Raises:
        SpecError: When the minimum is not unique: X has dependent columns and there is no penalty.

    Example:
        >>> found = least_squares(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[3.0], [4.0]]))
        >>> found.weights.round(12), found.eigenvalues
        (array([[3., 2.]]), array([1., 4.]))
    """
    rows, outputs = targets.shape
    gram = 2 / (rows * outputs) * inputs.T @ inputs + penalty * np.eye(inputs.shape[1])
    eigenvalues = np.linalg.eigvalsh(gram)
    _require_curved(eigenvalues)
    weights = np.linalg.solve(gram, 2 / (rows * outputs) * inputs.T @ targets).T
    loss = float(((inputs @ weights.T - targets) ** 2).mean() + penalty / 2 * (weights**2).sum())
    return Minimum(weights, loss, np.sort(np.repeat(eigenvalues, outputs)), float(eigenvalues[-1]))


def logistic(inputs: Array, signs: Array, penalty: float = 0.0) -> Minimum:
    r"""Logistic regression of two classes.

    .. math:: L(w) = \frac1n \sum_i \ln(1 + e^{-y_i x_i^\top w}) + \frac{\mu}{2} \lVert w \rVert^2, \qquad
              H(w) = \frac1n \sum_i p_i (1 - p_i) x_i x_i^\top + \mu I, \quad p_i = \frac{1}{1 + e^{-x_i^\top w}}

    Since p(1−p) ≤ ¼, λmax(H) ≤ λmax(XᵀX)/4n + μ everywhere. Without penalty this gives the textbook's η < 8n/λmax(XᵀX),
    which is safe; near the minimum every η < 2/λmax(H(w*)) converges, which is more, the better the classes are told apart.

    Args:
        inputs: X, (n, d).
        signs: y, (n,), −1 or 1.
        penalty: μ ≥ 0.

    Returns:
        The minimum, its weights (1, d).

    Raises:
        SpecError: When there is no minimum: a plane separates the classes (or X has dependent columns) and there is no
            penalty.

    References:
        Böhning & Lindsay (1988), Monotonicity of quadratic-approximation algorithms, §3.2.

    Example:
        >>> found = logistic(np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 1.0, -1.0]))
        >>> found.weights.round(6), round(found.top, 6), found.bound  # ln 2; p(1−p) = 2/9
        (array([[0.693147]]), 0.222222, 0.25)
    """
    rows, columns = inputs.shape

    def local(w: Array) -> Local:
        margins = signs * (inputs @ w)
        miss = _sigmoid(-margins)  # probability given to the wrong class
        gradient = -inputs.T @ (signs * miss) / rows + penalty * w
        hessian = inputs.T @ (inputs * (miss * (1 - miss))[:, None]) / rows + penalty * np.eye(columns)
        return float(np.logaddexp(0, -margins).mean() + penalty / 2 * w @ w), gradient, hessian

    weights, loss, hessian = _newton(local, np.zeros(columns))
    if penalty == 0 and (signs * (inputs @ weights) > 0).all():
        raise SpecError("a plane separates the classes, so that the loss falls for ever: pass a penalty > 0")
    bound = float(np.linalg.eigvalsh(inputs.T @ inputs)[-1]) / (4 * rows) + penalty
    return Minimum(weights[None], loss, _spectrum(hessian), bound)


def softmax(inputs: Array, labels: Array, classes: int, penalty: float = 0.0) -> Minimum:
    r"""Logistic regression of several classes, by the cross entropy of the softmax.

    .. math:: H(W) = \frac1n \sum_i (\operatorname{diag}(p_i) - p_i p_i^\top) \otimes x_i x_i^\top + \mu I

    Since diag(p) − ppᵀ has no eigenvalue above ½, λmax(H) ≤ λmax(XᵀX)/2n + μ everywhere.

    Args:
        inputs: X, (n, d).
        labels: (n,) classes 0 … C−1.
        classes: C.
        penalty: μ > 0; without one, adding the same to all rows of W changes nothing, and the minimum is not unique.

    Raises:
        SpecError: When the penalty is not positive.

    References:
        Böhning (1992), Multinomial logistic regression algorithm, Ann. Inst. Statist. Math. 44, theorem 1.

    Example:
        >>> found = softmax(np.array([[1.0], [1.0], [1.0]]), np.array([0, 0, 1]), classes=2, penalty=1e-9)
        >>> (found.weights[0] - found.weights[1]).round(6)
        array([0.693147])
    """
    if not penalty > 0:
        raise SpecError(f"needs penalty > 0, got {penalty}: without one the minimum is not unique")
    rows, columns = inputs.shape
    truth = np.eye(classes)[labels]

    def local(flat: Array) -> Local:
        weights = flat.reshape(classes, columns)
        logits = inputs @ weights.T
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1))
        p = np.exp(logits - total[:, None])
        loss = float((total - (logits * truth).sum(axis=1)).mean() + penalty / 2 * flat @ flat)
        gradient = ((p - truth).T @ inputs / rows).ravel() + penalty * flat
        return loss, gradient, _softmax_hessian(inputs, p) + penalty * np.eye(flat.size)

    flat, loss, hessian = _newton(local, np.zeros(classes * columns))
    bound = float(np.linalg.eigvalsh(inputs.T @ inputs)[-1]) / (2 * rows) + penalty
    return Minimum(flat.reshape(classes, columns), loss, _spectrum(hessian), bound)


def _softmax_hessian(inputs: Array, p: Array) -> Array:
    (rows, classes), columns = p.shape, inputs.shape[1]
    hessian = np.zeros((classes, columns, classes, columns))
    for a in range(classes):
        for b in range(a, classes):
            weight = p[:, a] * ((a == b) - p[:, b]) / rows
            block = inputs.T @ (inputs * weight[:, None])
            hessian[a, :, b, :] = hessian[b, :, a, :] = block
    return hessian.reshape(classes * columns, classes * columns)


def _newton(local: Callable[[Array], Local], start: Array) -> tuple[Array, float, Array]:
    """Newton's method with halved steps until the loss falls; the minimum, its loss and Hessian."""
    at = start
    loss, gradient, hessian = local(at)
    goal = _FLAT * float(np.linalg.norm(gradient))
    for _ in range(_NEWTON_STEPS):
        if float(np.linalg.norm(gradient)) <= goal:
            _require_curved(_spectrum(hessian))
            return at, loss, hessian
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            break
        share = 1.0
        while share > 1e-8 and not local(at - share * step)[0] <= loss + 1e-15 * abs(loss):
            share /= 2
        at = at - share * step
        loss, gradient, hessian = local(at)
    raise SpecError("the loss has no unique minimum that Newton's method finds: pass a penalty > 0")


def _spectrum(hessian: Array) -> Array:
    return np.asarray(np.linalg.eigvalsh(hessian), dtype=np.float64)


def _require_curved(eigenvalues: Array) -> None:
    if not eigenvalues[0] > 1e-12 * eigenvalues[-1]:
        raise SpecError(
            f"the loss has no unique minimum (its curvature is {eigenvalues[0]:.1g} in one direction and "
            f"{eigenvalues[-1]:.1g} in another): pass a penalty > 0"
        )


def _sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(0, -z))
