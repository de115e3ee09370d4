"""The arms of the étude: a method on a problem, around its theoretical edge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from etude.analysis.descent.cases import Case, Problem
from etude.analysis.descent.fastest import BEST, steps_to
from etude.analysis.descent.floors import NoiseCase
from etude.analysis.descent.theory import Method, edge
from etude.core.errors import SpecError
from etude.core.measure import Measure
from etude.core.message import Message
from etude.core.spec import RunSpec, TaskRef
from etude.core.task import Task
from etude.schedules.constant import Constant
from etude.studies.arms import Arm, Sweep
from etude.studies.descent.problems import (
    BOWL,
    MAIN,
    NOISE,
    NOISY,
    NOISY_EIGENVALUES,
    QUADRATICS,
    REGRESSIONS,
    known_problems,
)
from etude.studies.etude import Tasks
from etude.studies.spec import StudySpec
from etude.training.measures.weights import Weights
from etude.training.rules import SGD

SHARES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.998, 1.002, 1.02, 1.05)
"""Learning rates in units of the edge in theory; they bracket the measured one to 0.4 %."""

LOGISTIC_SHARES = (0.2, 0.5, 0.65, 0.8, 0.9, 0.98, 0.998, 1.002, 1.02, 1.05)
"""The same for logistic regression on drawn points, whose κ is small."""

DIGITS_SHARES = (0.3, 0.6, 0.9, 1.01)
"""The same for the digits, which take longer: to 2 %."""

PLAY_SHARES = (0.03, 0.06, 0.12, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0, 1.03, 1.1)
"""Learning rates to play with on the surface: from creeping to diverging."""

NOISY_SHARES = (0.012, 0.022, 0.04, 0.07, 0.12, 0.25, 0.5, 0.8)

USUAL_MOMENTUM = 0.9
BATCH = 8
GAIN = 1e-6
"""Share of the initial loss above the minimum to which momentum's gain is counted in steps."""

MAIN_STEPS, PLAY_STEPS, NOISY_STEPS = 1000, 60, 1200
REGRESSION_STEPS = {Method.GRADIENT_DESCENT: 400, Method.HEAVY_BALL: 160}
NOISY_EVERY = 20
"""Steps between evaluations of the noisy runs, whose floor is a mean over evaluations."""


def make_arms(spec: StudySpec, tasks: Tasks, measures: tuple[Measure, ...]) -> tuple[Arm, ...]:  # noqa: ARG001
    """All arms; their learning rates follow from the curvature of their problems."""
    problems = known_problems()
    main = problems[MAIN]
    tuned = {method: best(main.bottom, main.top).momentum for method, best in BEST.items()}
    arms = [_arm(tasks, main, method, beta, _around(main, method, beta), MAIN_STEPS) for method, beta in tuned.items()]
    usual = _around(main, Method.HEAVY_BALL, USUAL_MOMENTUM)
    arms.append(_arm(tasks, main, Method.HEAVY_BALL, USUAL_MOMENTUM, usual, MAIN_STEPS))
    for method in (Method.GRADIENT_DESCENT, Method.HEAVY_BALL):
        arms += [_gain_arm(tasks, problems[name], method) for name in QUADRATICS if name != MAIN]
        for name in REGRESSIONS:
            beta = BEST[method](problems[name].bottom, problems[name].top).momentum
            shares = DIGITS_SHARES if name.startswith("digits") else LOGISTIC_SHARES
            lrs = _around(problems[name], method, beta, shares)
            arms.append(_arm(tasks, problems[name], method, beta, lrs, REGRESSION_STEPS[method]))
        arms.append(_play_arm(tasks, problems[BOWL], method))
    return (*arms, *(_noisy_arm(tasks, beta) for beta in (0.0, USUAL_MOMENTUM)))


def cases(sweeps: Sequence[Sweep], problems: dict[str, Problem]) -> dict[str, Case]:
    """What was run with full batches, by the name of its arm."""
    found = {}
    for sweep in sweeps:
        name, rule = sweep.arm.name, sweep.arm.base.rule
        assert isinstance(rule, SGD), "every arm's rule is SGD"
        problem = name.partition("/")[0]
        if problem in problems:
            found[name] = Case(name, problems[problem], _method(rule), rule.momentum, sweep.table)
    return found


def noise_cases(sweeps: Sequence[Sweep]) -> tuple[NoiseCase, ...]:
    """What was run with small batches: without momentum, and with it."""
    found = []
    for sweep in sweeps:
        rule = sweep.arm.base.rule
        if sweep.arm.name.startswith(f"{NOISY}/") and isinstance(rule, SGD):
            variance = NOISE**2 / sweep.arm.base.batch_size
            found.append(NoiseCase(sweep.arm.name, np.array(NOISY_EIGENVALUES), variance, rule.momentum, sweep.table))
    return tuple(found)


def quadratics_of(ran: Mapping[str, Case]) -> tuple[str, ...]:
    """The quadratics that ran with and without momentum, in the order of κ."""
    names = {case.problem.name: case.problem.condition for case in ran.values() if case.problem.name in QUADRATICS}
    return tuple(sorted(names, key=lambda name: names[name]))


def arm_name(problem: str, method: Method, momentum: float = 0.0) -> str:
    """Name of an arm; the usual momentum is told from the tuned one."""
    return f"{problem}/{method}" + ("-usual" if momentum == USUAL_MOMENTUM else "")


def _arm(tasks: Tasks, problem: Problem, method: Method, momentum: float, lrs: tuple[float, ...], steps: int) -> Arm:
    task, name = tasks[problem.name], arm_name(problem.name, method, momentum)
    base = _run(task, SGD(momentum, nesterov=method is Method.NESTEROV), lrs[0], steps, task.size("train"))
    return Arm(name, Message(f"descent.problem.{problem.name}"), base, lrs)


def _gain_arm(tasks: Tasks, problem: Problem, method: Method) -> Arm:
    """The fastest learning rate, and one beside it, for as long as it takes."""
    best = BEST[method](problem.bottom, problem.top)
    steps = 40 + math.ceil(1.6 * steps_to(GAIN, best.rate))
    return _arm(tasks, problem, method, best.momentum, (_digits(0.97 * best.lr), _digits(best.lr)), steps)


def _play_arm(tasks: Tasks, problem: Problem, method: Method) -> Arm:
    """A trajectory for each learning rate, recorded weight by weight."""
    beta, task = BEST[method](problem.bottom, problem.top).momentum, tasks[problem.name]
    lrs = tuple(_digits(share * edge(method, problem.top, beta)) for share in PLAY_SHARES)
    base = _run(task, SGD(beta), lrs[0], PLAY_STEPS, task.size("train"), measures=(Weights(),))
    return Arm(arm_name(problem.name, method), Message("descent.problem.bowl"), base, lrs)


def _noisy_arm(tasks: Tasks, momentum: float) -> Arm:
    limit = edge(Method.HEAVY_BALL, max(NOISY_EIGENVALUES), momentum)
    # The momentum multiplies the noise by 1/(1−β): the same floors at as much smaller learning rates, and in the same time.
    lrs = tuple(_digits(share * limit * (1 - momentum) / (1 + momentum)) for share in NOISY_SHARES)
    base = _run(tasks[NOISY], SGD(momentum), lrs[0], NOISY_STEPS, BATCH, every=NOISY_EVERY)
    method = Method.HEAVY_BALL if momentum else Method.GRADIENT_DESCENT
    return Arm(arm_name(NOISY, method), Message("descent.problem.noisy"), base, lrs)


def _run(
    task: Task,
    rule: SGD,
    lr: float,
    steps: int,
    batch_size: int,
    every: int | None = None,
    measures: tuple[Measure, ...] = (),
) -> RunSpec:
    return RunSpec(
        task=TaskRef(task.name, task.fingerprint),
        rule=rule,
        schedule=Constant(steps),
        peak_lr=lr,
        steps=steps,
        batch_size=batch_size,
        seed=0,
        evaluate_every=every or steps,
        measures=measures,
    )


def _around(problem: Problem, method: Method, momentum: float, shares: tuple[float, ...] = SHARES) -> tuple[float, ...]:
    """Shares of the edge, and where the momentum is the fastest one its fastest learning rate with neighbours."""
    limit = edge(method, problem.top, momentum)
    best = BEST[method](problem.bottom, problem.top)
    lrs = [share * limit for share in shares]
    if abs(momentum - best.momentum) < 1e-9:
        near = [0.985 * best.lr, best.lr, math.sqrt(best.lr * 0.998 * limit)]
        lrs = [lr for lr in lrs if all(abs(lr / other - 1) > 2e-3 for other in near)] + near
    return tuple(sorted(_digits(lr) for lr in lrs))


def _digits(lr: float) -> float:
    return float(f"{lr:.12g}")


def _method(rule: SGD) -> Method:
    if rule.nesterov:
        return Method.NESTEROV
    return Method.HEAVY_BALL if rule.momentum else Method.GRADIENT_DESCENT


def check_options(spec: StudySpec) -> None:
    """Refuse options that the étude would have to ignore.

    Raises:
        SpecError: Naming the first of them.
    """
    free = {"etude", "seeds", "data"}
    for name, info in type(spec).model_fields.items():
        value = getattr(spec, name)
        if name not in free and value != info.default:
            raise SpecError(f"descent brings its own problems and learning rates, got {name} = {value!r}: leave it out")
    if spec.data != "digits":
        raise SpecError(f"descent takes its real data from digits, got {spec.data or spec.task!r}: leave it out")
