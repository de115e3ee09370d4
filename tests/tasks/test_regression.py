"""Regression tasks: what their loss is, and that our lanes reach the minimum that Newton's method finds."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from etude.analysis.descent.minimum import least_squares, logistic, softmax
from etude.analysis.descent.theory import Method, edge
from etude.core.errors import SpecError
from etude.tasks.checks import check_task
from etude.tasks.problems import diagonal_least_squares, noisy_quadratic
from etude.tasks.regression import digits_ridge, digits_softmax, logistic_regression
from etude.training.rules import SGD

TASKS = {
    "logistic": (logistic_regression, 200),
    "softmax": (lambda: digits_softmax(0.03), 1437),
    "ridge": (lambda: digits_ridge(0.06), 1437),
    "diagonal": (lambda: diagonal_least_squares((0.5, 2.0)), 2),
    "noisy": (lambda: noisy_quadratic((1.0, 2.0), 0.5, examples=100), 8),
}


def full_loss(task, weights):
    module = task.init(0)
    with torch.no_grad():
        next(module.parameters()).copy_(torch.as_tensor(weights))
        return float(task.loss(module(task.train[0]), task.train[1]))


@pytest.mark.parametrize("name", TASKS)
def test_the_tasks_are_in_float64_and_pass_every_check(name):
    make, batch_size = TASKS[name]
    task = make()
    assert check_task(task, batch_size) == ()
    assert {p.dtype for p in task.init(0).parameters()} == {torch.float64}


def test_the_loss_of_a_task_at_the_minimum_is_what_newton_says():
    binary, several, ridge = logistic_regression(), digits_softmax(0.03), digits_ridge(0.06)
    found = logistic(binary.train[0].numpy(), binary.train[1].numpy()[:, 0])
    assert full_loss(binary, found.weights) == pytest.approx(found.loss, rel=1e-13)
    found = softmax(several.train[0].numpy(), several.train[1].numpy(), 10, 0.03)
    assert full_loss(several, found.weights) == pytest.approx(found.loss, rel=1e-13)
    found = least_squares(ridge.train[0].numpy(), ridge.train[1].numpy(), 0.06)
    assert full_loss(ridge, found.weights) == pytest.approx(found.loss, rel=1e-13)


def test_a_penalty_is_part_of_the_loss_and_of_the_fingerprint():
    task = digits_softmax(0.5)
    module = task.init(1)
    inputs, labels = task.train
    weight = module.linear.weight.detach()
    expected = functional.cross_entropy(inputs @ weight.T, labels) + 0.25 * weight.square().sum()
    assert task.loss(module(inputs), labels).item() == pytest.approx(expected.item(), rel=1e-13)
    assert task.fingerprint != digits_softmax(0.4).fingerprint


@pytest.mark.parametrize("make", [digits_softmax, digits_ridge])
def test_digits_need_a_penalty(make):
    with pytest.raises(SpecError, match="penalty > 0"):
        make(0.0)


def test_our_update_rule_is_stable_near_the_minimum_of_logistic_regression_up_to_two_over_its_curvature():
    # 0.99 and 1.01 of the local limit; the textbook bound 8n/λmax(XᵀX) is safe but a third below it.
    task = logistic_regression()
    found = logistic(task.train[0].numpy(), task.train[1].numpy()[:, 0])
    local, textbook = edge(Method.GRADIENT_DESCENT, found.top), 2 / found.bound
    assert 1.2 * textbook < local
    best = torch.as_tensor(found.weights)
    rates = torch.tensor([textbook, 0.99 * local, 1.01 * local], dtype=torch.float64)[:, None]
    w = best + 1e-3 * torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    inputs, signs = task.train
    rule = SGD()
    state = rule.init(w)
    for t in range(2500):
        miss = torch.sigmoid(-signs.T * (w @ inputs.T))
        rule.update(w, -(miss * signs.T) @ inputs / len(signs), state, rates, t)
    distances = (w - best).norm(dim=1)
    assert (distances[:2] < 1e-12).all()
    assert distances[2] > 0.01


def test_the_start_of_the_diagonal_problem_has_the_same_loss_in_every_direction():
    eigenvalues = (0.01, 0.1, 1.0, 10.0)
    task = diagonal_least_squares(eigenvalues)
    starts = np.stack([task.init(seed)[0].weight.detach().numpy()[0] for seed in range(400)])
    shares = (0.5 * np.array(eigenvalues) * starts**2).mean(axis=0)
    np.testing.assert_allclose(shares, 0.5, rtol=0.25)


def test_the_gradient_noise_has_the_stated_spread_and_the_validation_loss_is_the_gap():
    task = noisy_quadratic((1.0, 4.0), noise=0.5)
    w = torch.tensor([0.3, -0.2], dtype=torch.float64)
    batches = [task.batch(0, step, 8)[1] for step in range(2000)]
    gradients = torch.stack([torch.tensor([1.0, 4.0]) * (w - y.mean(0)) for y in batches])
    np.testing.assert_allclose(gradients.std(dim=0), 0.5 / 8**0.5, rtol=0.05)
    point = w.expand(1, 2)
    gap = float(task.loss(point, task.train[1])) - float(task.loss(task.validation[1], task.train[1]))
    assert float(task.loss(point, task.validation[1])) == pytest.approx(gap, rel=1e-9)


@pytest.mark.parametrize("make", [diagonal_least_squares, lambda e: noisy_quadratic(e, 1.0)])
def test_problems_need_positive_eigenvalues(make):
    with pytest.raises(SpecError, match="needs positive eigenvalues"):
        make((1.0, -1.0))
