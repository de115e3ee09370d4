"""The problems of the étude: tasks, and what is known of them in closed form."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from etude.analysis.descent.cases import Problem
from etude.analysis.descent.minimum import Minimum, least_squares, logistic, softmax

if TYPE_CHECKING:
    from etude.tasks.task import Task

TOP = 10.0
"""λmax of the quadratics; the edge of gradient descent is at 2/λmax = 0.2."""

CONDITIONS = (10, 30, 100, 300, 1000)
"""Condition numbers of the quadratics over which momentum's gain is measured."""

QUADRATICS = {f"quadratic-{condition}": condition for condition in CONDITIONS}
MAIN = "quadratic-100"
"""The quadratic whose rates are drawn against η."""

DIRECTIONS = 8
BOWL, NOISY = "bowl", "noisy"
RIDGE_NAME = "digits-ridge"
LOCAL = ("logistic", "digits-softmax")
"""Problems whose Hessian differs from place to place."""

REGRESSIONS = (RIDGE_NAME, *LOCAL)
BOWL_EIGENVALUES = (1.0, 10.0)
NOISY_EIGENVALUES = (1.0, 2.0, 3.0, 4.0) * 16
NOISE = 3.0
NOISY_EXAMPLES = 2**16
"""So many that a run sees a quarter of one epoch: drawing without replacement then hardly differs from independent noise."""

RIDGE, SOFTMAX = 0.06, 0.03
"""Penalties on the digits, chosen so that κ is about 100: some pixels are always blank, and without one κ is infinite."""


def spectrum(condition: int) -> tuple[float, ...]:
    """Its eigenvalues, evenly spaced in log λ up to ``TOP``."""
    return tuple(float(f"{v:.12g}") for v in np.geomspace(TOP / condition, TOP, DIRECTIONS))


def make_tasks() -> dict[str, Task]:
    """All tasks by the name of their problem; loads torch and the digits."""
    from etude.tasks.problems import diagonal_least_squares, noisy_quadratic, quadratic
    from etude.tasks.regression import digits_ridge, digits_softmax, logistic_regression

    ridge = digits_ridge(RIDGE)
    return {
        **{name: diagonal_least_squares(spectrum(c)) for name, c in QUADRATICS.items()},
        BOWL: quadratic(BOWL_EIGENVALUES).to(dtype=ridge.train[0].dtype),
        "logistic": logistic_regression(),
        RIDGE_NAME: ridge,
        "digits-softmax": digits_softmax(SOFTMAX),
        NOISY: noisy_quadratic(NOISY_EIGENVALUES, NOISE, NOISY_EXAMPLES),
    }


@cache
def known_problems() -> dict[str, Problem]:
    """Spectrum, minimum and curvature bound of every problem but the noisy one, whose noise has a theory of its own.

    Computed from the data by linear algebra and Newton's method, without torch's help but for loading.
    """
    tasks = make_tasks()
    quadratics = {name: spectrum(c) for name, c in QUADRATICS.items()} | {BOWL: BOWL_EIGENVALUES}
    problems = {name: Problem(name, np.array(own), 0.0, max(own)) for name, own in quadratics.items()}
    inputs, targets = (t.numpy() for t in tasks["logistic"].train)
    problems["logistic"] = _problem("logistic", logistic(inputs, targets[:, 0]))
    inputs, targets = (t.numpy() for t in tasks[RIDGE_NAME].train)
    problems[RIDGE_NAME] = _problem(RIDGE_NAME, least_squares(inputs, targets, RIDGE))
    inputs, targets = (t.numpy() for t in tasks["digits-softmax"].train)
    problems["digits-softmax"] = _problem("digits-softmax", softmax(inputs, targets, 10, SOFTMAX))
    return problems


def _problem(name: str, found: Minimum) -> Problem:
    return Problem(name, found.eigenvalues, found.loss, found.bound)
