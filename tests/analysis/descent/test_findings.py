"""Findings on runs whose truth is known: simulated descent, spoiled theory, missing evidence."""

from dataclasses import replace

import numpy as np
import pytest

from etude.analysis.descent.cases import Case, Problem
from etude.analysis.descent.fastest import BEST
from etude.analysis.descent.findings import (
    best_lr_finding,
    edge_finding,
    momentum_finding,
    noise_finding,
    rate_finding,
    textbook_finding,
)
from etude.analysis.descent.floors import NoiseCase
from etude.analysis.descent.theory import Method
from etude.analysis.table import SweepTable
from etude.core.finding import Verdict
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Ending, Outcome, Trace
from etude.report.catalogue import say
from etude.schedules.constant import Constant
from etude.training.rules import SGD

SHARES = np.array([0.3, 0.6, 0.9, 0.96, 0.985, 0.998, 1.002, 1.05])


def table(lrs, seeds, columns, evaluated=None):
    """A sweep whose losses are columns(lr, seed), and whose evaluations are evaluated(lr, seed)."""
    runs = []
    for lr in lrs:
        for seed in range(seeds):
            losses = columns(lr, seed)
            spec = RunSpec(TaskRef("t", "0"), SGD(), Constant(5), float(lr), 5, 1, seed)
            evaluations = {} if evaluated is None else {"step": np.arange(40.0), "validation_loss": evaluated(lr, seed)}
            outcome = Outcome(Ending.COMPLETED, len(losses))
            runs.append((spec, Trace(spec.hash, outcome, {"loss": losses}, evaluations)))
    return SweepTable.of(runs)


def descend(eigenvalues, lr, beta, steps, seed):
    w = np.random.default_rng(seed).standard_normal(len(eigenvalues)) / np.sqrt(eigenvalues)
    velocity, losses = np.zeros_like(w), []
    for _ in range(steps):
        losses.append(0.5 * (eigenvalues * w * w).sum())
        if losses[-1] > 1e6 * losses[0]:
            break
        velocity = beta * velocity + eigenvalues * w
        w = w - lr * velocity
    return np.array(losses)


def case_of(condition, method, shares=SHARES, seeds=3, steps=1200, name="quadratic"):
    eigenvalues = np.geomspace(10 / condition, 10, 6)
    problem = Problem(name, eigenvalues, 0.0, 10.0)
    best = BEST[method](problem.bottom, problem.top)
    beta = best.momentum
    limit = 2 * (1 + beta) / 10
    lrs = np.sort(np.append(np.asarray(shares) * limit, best.lr))
    runs = table(lrs, seeds, lambda lr, seed: descend(eigenvalues, lr, beta, steps, seed))
    return Case(f"{name}/{method}", problem, method, beta, runs)


@pytest.fixture(scope="module")
def descent():
    return case_of(100, Method.GRADIENT_DESCENT)


@pytest.fixture(scope="module")
def ball():
    return case_of(100, Method.HEAVY_BALL)


def spoiled(case, factor):
    """The same runs held against a problem that is steeper by a factor."""
    problem = replace(case.problem, eigenvalues=case.problem.eigenvalues * factor, bound=case.problem.bound * factor)
    return Case(case.name, problem, case.method, case.momentum, case.table)


def spoken(finding):
    return say(finding.statement, "en"), say(finding.statement, "zh"), say(finding.question, "en")


def test_descent_that_obeys_theory_supports_it(descent, ball):
    found = edge_finding("edge", [descent, ball])
    assert found.verdict is Verdict.SUPPORTED
    assert found.interval == pytest.approx((0.998, 1.002))
    assert found.estimate == pytest.approx(1, abs=1e-3)
    assert best_lr_finding(descent).verdict is Verdict.SUPPORTED
    rates = rate_finding([descent, ball])
    assert rates.verdict is Verdict.SUPPORTED
    assert rates.estimate == pytest.approx(1, abs=0.01)
    assert len(found.runs) == len(set(found.runs)) == 2 * 3 * 9
    assert all(text for f in (found, rates) for text in spoken(f))


def test_a_wrong_curvature_refutes_edge_fastest_rate_and_rates(descent):
    wrong = spoiled(descent, 1.1)
    for found in (edge_finding("edge", [wrong]), best_lr_finding(wrong), rate_finding([wrong])):
        assert found.verdict is Verdict.REFUTED, found.name
        assert spoken(found)
    assert edge_finding("edge", [wrong]).estimate == pytest.approx(1.1, rel=0.01)


def test_a_sweep_that_ends_below_the_edge_cannot_say_where_it_is():
    safe = case_of(10, Method.GRADIENT_DESCENT, shares=(0.1, 0.2))
    found = edge_finding("local_edge", [safe])
    assert (found.verdict, found.estimate) == (Verdict.INCONCLUSIVE, None)
    assert "quadratic/gradient_descent" in spoken(found)[0]


def test_a_fastest_learning_rate_at_the_end_of_the_sweep_is_no_answer():
    short = case_of(10, Method.GRADIENT_DESCENT, shares=(0.1, 0.2))
    assert best_lr_finding(short).verdict is Verdict.INCONCLUSIVE
    assert spoken(best_lr_finding(short))


def test_runs_too_short_for_a_rate_leave_the_rates_open():
    short = case_of(100, Method.GRADIENT_DESCENT, steps=10)
    found = rate_finding([short])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert spoken(found)


def pairs(conditions, steps=3000, seeds=3):
    return (
        [case_of(c, m, shares=(), seeds=seeds, steps=steps, name=f"q{c}") for c in conditions]
        for m in (Method.GRADIENT_DESCENT, Method.HEAVY_BALL)
    )


def test_momentum_turns_condition_into_its_root():
    slow, fast = pairs((10, 50, 250))
    found = momentum_finding(slow, fast, 1e-6)
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate == pytest.approx(found.statement.values["expected"], abs=0.05)
    assert found.statement.values["plain"] == pytest.approx(1, abs=0.02)
    assert 1 < found.statement.values["gain"] < found.statement.values["promised"]
    assert spoken(found)


def test_momentum_that_gains_nothing_refutes_its_gain():
    slow, _ = pairs((10, 50, 250))
    same = [replace(case, method=Method.HEAVY_BALL) for case in slow]
    found = momentum_finding(slow, same, 1e-6)
    assert found.verdict is Verdict.REFUTED
    assert spoken(found)


def test_one_seed_or_runs_that_never_arrive_leave_the_gain_open():
    slow, fast = pairs((10, 50), seeds=1)
    assert momentum_finding(slow, fast, 1e-6).statement.key == "descent.momentum.seeds"
    slow, fast = pairs((10, 250), steps=60)
    assert momentum_finding(slow, fast, 1e-6).statement.key == "descent.momentum.never"


def noisy(power, spread=0.02, seeds=3):
    """Floors proportional to a power of η times those of theory, noisy by a share."""
    eigenvalues = np.array([1.0, 4.0])
    lrs = np.geomspace(0.004, 0.4, 8)
    bare = NoiseCase("noisy/gradient_descent", eigenvalues, 0.5, 0.0, table(lrs, 1, lambda *_: np.ones(4)))
    theory = dict(zip(lrs, bare.theory(lrs), strict=True))

    def evaluated(lr, seed):
        wobble = np.exp(spread * np.random.default_rng([seed, round(1e6 * lr)]).standard_normal())
        return np.full(40, theory[lr] * wobble * lr**power)

    return replace(bare, table=table(lrs, seeds, lambda *_: np.ones(4), evaluated))


def test_floors_of_theory_are_proportional_and_as_high_as_predicted():
    found = noise_finding(noisy(0), noisy(0))
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate == pytest.approx(1.03, abs=0.03)
    assert found.statement.values["ratio"] == pytest.approx(1, abs=0.05)
    assert spoken(found)


def test_floors_that_grow_faster_refute_theory_and_noisy_ones_leave_it_open():
    assert noise_finding(noisy(0.5), noisy(0)).verdict is Verdict.REFUTED
    assert spoken(noise_finding(noisy(0.5), noisy(0)))
    vague = noise_finding(noisy(0, spread=1.0), noisy(0))
    assert vague.verdict is Verdict.INCONCLUSIVE
    assert spoken(vague)
    assert noise_finding(noisy(0, seeds=1), noisy(0)).statement.key == "descent.noise_floor.seeds"


def test_a_run_that_left_early_leaves_the_floor_open():
    case = noisy(0)
    cells = [list(row) for row in case.table.cells]
    cells[0][0] = replace(cells[0][0], outcome=Outcome(Ending.DIVERGED, 3, "exploded"))
    broken = replace(case, table=SweepTable(case.table.lrs, case.table.seeds, tuple(map(tuple, cells))))
    assert noise_finding(broken, case).statement.key == "descent.noise_floor.gone"


@pytest.mark.parametrize(
    ("bound", "key", "verdict"),
    [
        (30.0, "safe", Verdict.SUPPORTED),
        (10.0, "sharp", Verdict.SUPPORTED),
        (5.0, "unsafe", Verdict.REFUTED),
    ],
)
def test_a_bound_is_safe_below_the_measured_edge_and_sharp_at_it(descent, bound, key, verdict):
    case = replace(descent, problem=replace(descent.problem, bound=bound))
    found = textbook_finding([case, case])
    assert (found.statement.key, found.verdict) == (f"descent.textbook_bound.{key}", verdict)
    assert found.estimate == pytest.approx(bound / 10, rel=0.01)
    assert spoken(found)
