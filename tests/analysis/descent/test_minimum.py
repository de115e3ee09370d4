"""Minima and Hessians of linear and logistic regression against scipy, autograd and gradient descent (oracle: 2/λmax)."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional

from etude.analysis.descent.minimum import least_squares, logistic, softmax
from etude.analysis.descent.theory import Method, edge
from etude.core.errors import SpecError


@pytest.fixture(scope="module")
def points():
    """200 points in 5 dimensions whose two classes overlap, and in three classes."""
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((200, 5))
    score = inputs @ np.array([1.5, -1.0, 0.5, 0.0, 2.0])
    signs = np.where(score + 2 * generator.standard_normal(200) > 0, 1.0, -1.0)
    labels = np.digitize(score + generator.standard_normal(200), [-1.0, 1.0])
    return inputs, signs, labels


def hessian_eigenvalues(loss, weights):
    flat = torch.tensor(weights).flatten()
    hessian = torch.autograd.functional.hessian(lambda w: loss(w.view(*weights.shape)), flat)
    return np.linalg.eigvalsh(hessian.numpy())


def test_least_squares_is_solved_and_curved_as_autograd_says(points):
    inputs, _, labels = points
    targets = np.eye(3)[labels]
    found = least_squares(inputs, targets, penalty=0.1)
    x, y = torch.tensor(inputs), torch.tensor(targets)

    def loss(w):
        return functional.mse_loss(x @ w.T, y) + 0.05 * (w**2).sum()

    assert found.loss == pytest.approx(float(loss(torch.tensor(found.weights))), rel=1e-12)
    np.testing.assert_allclose(found.eigenvalues, hessian_eigenvalues(loss, found.weights), rtol=1e-10)
    solution = minimize(lambda w: float(loss(torch.tensor(w.reshape(3, 5)))), np.zeros(15), tol=1e-12)
    np.testing.assert_allclose(found.weights.ravel(), solution.x, atol=1e-5)
    assert found.bound == found.top


@pytest.mark.parametrize("penalty", [0.0, 0.05])
def test_logistic_regression_is_solved_and_curved_as_autograd_says(points, penalty):
    inputs, signs, _ = points
    found = logistic(inputs, signs, penalty)
    x, y = torch.tensor(inputs), torch.tensor(signs)

    def loss(w):
        return functional.softplus(-y * (x @ w[0])).mean() + penalty / 2 * (w**2).sum()

    assert found.loss == pytest.approx(float(loss(torch.tensor(found.weights))), rel=1e-12)
    np.testing.assert_allclose(found.eigenvalues, hessian_eigenvalues(loss, found.weights), rtol=1e-9)
    solution = minimize(lambda w: float(loss(torch.tensor(w[None]))), np.zeros(5), tol=1e-12)
    assert found.loss <= solution.fun + 1e-15
    np.testing.assert_allclose(found.weights[0], solution.x, atol=1e-4)


def test_softmax_regression_is_solved_and_curved_as_autograd_says(points):
    inputs, _, labels = points
    found = softmax(inputs, labels, classes=3, penalty=0.01)
    x, y = torch.tensor(inputs), torch.tensor(labels)

    def loss(w):
        return functional.cross_entropy(x @ w.T, y) + 0.005 * (w**2).sum()

    assert found.loss == pytest.approx(float(loss(torch.tensor(found.weights))), rel=1e-12)
    np.testing.assert_allclose(found.eigenvalues, hessian_eigenvalues(loss, found.weights), rtol=1e-9)
    w = torch.tensor(found.weights, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(w), [w])
    assert float(slope.norm()) < 1e-10
    assert found.bottom == pytest.approx(0.01)  # adding the same to all classes changes the penalty alone


def test_textbook_bounds_hold_everywhere_and_are_not_sharp_at_the_minimum(points):
    inputs, signs, labels = points
    generator = np.random.default_rng(1)
    two, three = logistic(inputs, signs), softmax(inputs, labels, 3, 1e-3)
    x, y, classes = torch.tensor(inputs), torch.tensor(signs), torch.tensor(labels)
    for scale in (0.0, 0.3, 1.0, 3.0):
        w = scale * generator.standard_normal((3, 5))
        binary = hessian_eigenvalues(lambda v: functional.softplus(-y * (x @ v[0])).mean(), w[:1])
        several = hessian_eigenvalues(lambda v: functional.cross_entropy(x @ v.T, classes) + 5e-4 * (v**2).sum(), w)
        assert binary[-1] <= two.bound * (1 + 1e-12)
        assert several[-1] <= three.bound * (1 + 1e-12)
    assert two.bound == pytest.approx(np.linalg.eigvalsh(inputs.T @ inputs)[-1] / 800, rel=1e-12)
    assert two.bound > 1.3 * two.top
    assert three.bound > 1.3 * three.top


def test_gradient_descent_near_the_minimum_of_logistic_regression_is_stable_up_to_the_local_edge(points):
    inputs, signs, _ = points
    found = logistic(inputs, signs)
    limit = edge(Method.GRADIENT_DESCENT, found.top)
    assert limit > 1.3 * 2 / found.bound
    lrs = np.array([0.99, 1.01])[:, None] * limit
    start = found.weights + 1e-3 * np.random.default_rng(2).standard_normal((1, 5))
    w = np.repeat(start, 2, axis=0)
    for _ in range(3000):
        miss = 1 / (1 + np.exp(signs * (w @ inputs.T)))
        w = w + lrs * ((miss * signs) @ inputs) / len(signs)
    stable, leaving = np.linalg.norm(w - found.weights, axis=1)
    assert stable < 1e-12
    assert leaving > 0.01


def test_separated_classes_without_a_penalty_have_no_minimum():
    inputs = np.array([[1.0, 0.3], [2.0, -0.4], [-1.0, 0.2], [-3.0, 0.5]])
    signs = np.array([1.0, 1.0, -1.0, -1.0])
    with pytest.raises(SpecError, match="penalty > 0"):
        logistic(inputs, signs)
    assert logistic(inputs, signs, penalty=0.1).loss < np.log(2)


def test_dependent_columns_without_a_penalty_have_no_minimum():
    inputs = np.array([[1.0, 1.0], [2.0, 2.0], [0.5, 0.5]])
    with pytest.raises(SpecError, match="no unique minimum"):
        least_squares(inputs, np.ones((3, 1)))
    with pytest.raises(SpecError, match="no unique minimum"):
        logistic(inputs, np.array([1.0, -1.0, 1.0]))


def test_softmax_regression_needs_a_penalty(points):
    inputs, _, labels = points
    with pytest.raises(SpecError, match="penalty > 0"):
        softmax(inputs, labels, 3)
