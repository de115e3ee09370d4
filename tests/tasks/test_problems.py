import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.core.errors import SpecError
from etude.tasks.problems import linear_regression, quadratic

EIGENVALUES = (0.5, 1.0, 4.0)


def descend(eigenvalues, lr, steps, momentum=0.0):
    """Initial and final parameters of gradient descent in float64 on the task's own batches."""
    task = quadratic(eigenvalues).to(dtype=torch.float64)
    model = task.init(0)
    start = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    for step in range(steps):
        inputs, targets = task.batch(0, step, 16)
        optimizer.zero_grad()
        task.loss(model(inputs), targets).backward()
        optimizer.step()
    return start, model.weight.detach()


@given(lr=st.floats(0.01, 0.6), steps=st.integers(0, 12))
@settings(max_examples=20, deadline=None)
def test_gradient_descent_multiplies_by_one_minus_eta_lambda(lr, steps):
    start, end = descend(EIGENVALUES, lr, steps)
    factor = (1 - lr * torch.tensor(EIGENVALUES, dtype=torch.float64)) ** steps
    assert torch.allclose(end, start * factor, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_edge_is_where_theory_says(momentum):
    edge = 2 * (1 + momentum) / max(EIGENVALUES)
    start, inside = descend(EIGENVALUES, 0.98 * edge, 600, momentum)
    _, outside = descend(EIGENVALUES, 1.02 * edge, 600, momentum)
    assert inside.norm() < start.norm() / 2
    assert outside.norm() > start.norm() * 100


def test_every_batch_of_the_quadratic_has_the_same_gradient():
    task = quadratic(EIGENVALUES)
    model = task.init(1)
    for step in range(3):
        inputs, targets = task.batch(7, step, 4)
        (gradient,) = torch.autograd.grad(task.loss(model(inputs), targets), [model.weight])
        assert torch.allclose(gradient, torch.tensor(EIGENVALUES) * model.weight, rtol=1e-6)


@pytest.mark.parametrize("eigenvalues", [(), (1.0, 0.0), (-1.0,), (float("nan"),)])
def test_a_quadratic_needs_positive_eigenvalues(eigenvalues):
    with pytest.raises(SpecError, match="needs positive eigenvalues"):
        quadratic(eigenvalues)


def test_least_squares_recovers_the_coefficients():
    task = linear_regression(examples=2000, features=4, noise=0.1)
    inputs, targets = task.examples("train")
    solution = torch.linalg.lstsq(inputs, targets).solution
    assert torch.allclose(solution, torch.full((4, 1), 0.5), atol=0.02)


def test_the_hessian_of_linear_regression_is_twice_the_gram_matrix():
    task = linear_regression(examples=50, features=3).to(dtype=torch.float64)
    inputs, targets = task.examples("train")
    hessian = torch.autograd.functional.hessian(
        lambda w: task.loss(inputs @ w[:, None], targets), torch.zeros(3, dtype=torch.float64)
    )
    assert torch.allclose(hessian, 2 * inputs.T @ inputs / len(inputs), rtol=1e-12)
