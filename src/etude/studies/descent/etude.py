"""The étude: which tasks, which arms, which findings, which page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from etude.analysis.descent.cases import Problem
from etude.analysis.descent.findings import (
    best_lr_finding,
    edge_finding,
    momentum_finding,
    noise_finding,
    rate_finding,
    textbook_finding,
)
from etude.analysis.descent.theory import Method
from etude.analysis.plain import plain
from etude.analysis.planning import Plan
from etude.core.errors import SpecError
from etude.core.finding import Finding
from etude.core.message import Message
from etude.studies.arms import Sweep
from etude.studies.descent.arms import (
    GAIN,
    USUAL_MOMENTUM,
    arm_name,
    cases,
    check_options,
    make_arms,
    noise_cases,
    quadratics_of,
)
from etude.studies.descent.page import lay_out
from etude.studies.descent.problems import LOCAL, MAIN, RIDGE_NAME, known_problems, make_tasks
from etude.studies.etude import Etude, Tasks
from etude.studies.spec import StudySpec

if TYPE_CHECKING:
    from etude.tasks.task import Task

DESCENDING = (Method.GRADIENT_DESCENT, Method.HEAVY_BALL)


def own_tasks(spec: StudySpec, given: Task | None, device: str) -> Tasks:
    """The étude's problems.

    Raises:
        SpecError: When other tasks or options are asked for.
    """
    if given is not None:
        raise SpecError(f"descent brings its own problems, got the task {given.name!r}: leave it out")
    check_options(spec)
    tasks = make_tasks()
    if device == "cpu":
        return tasks
    from etude.tasks.device import device_named

    return {name: task.to(device=device_named(device)) for name, task in tasks.items()}


def nothing_more(sweeps: Sequence[Sweep]) -> Mapping[str, Plan]:  # noqa: ARG001
    """No further learning rates: theory says beforehand where to look."""
    return {}


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """Theory against measurement: edge, fastest η, rates, momentum's gain, noise floor; then logistic regression."""
    problems = known_problems()
    ran = cases(sweeps, problems)
    main = [ran[arm_name(MAIN, method)] for method in (*DESCENDING, Method.NESTEROV)]
    main.append(ran[arm_name(MAIN, Method.HEAVY_BALL, USUAL_MOMENTUM)])
    ridge = [ran[arm_name(RIDGE_NAME, method)] for method in DESCENDING]
    curved = [ran[arm_name(name, method)] for name in LOCAL for method in DESCENDING]
    slow, fast = ([ran[arm_name(name, method)] for name in quadratics_of(ran)] for method in DESCENDING)
    edges = edge_finding("edge", [*main, *ridge])
    return [
        replace(edges, details=edges.details | {"problems": described(problems)}),
        best_lr_finding(main[0]),
        rate_finding(main),
        momentum_finding(slow, fast, GAIN),
        noise_finding(*noise_cases(sweeps)),
        edge_finding("local_edge", curved),
        textbook_finding([case for case in curved if case.method is Method.GRADIENT_DESCENT]),
    ]


def described(problems: Mapping[str, Problem]) -> dict[str, Any]:
    """What is known of the problems, as a finding stores it: the page is made without torch and without the data."""
    return {
        name: plain({"eigenvalues": p.eigenvalues, "minimum": p.minimum, "bound": p.bound})
        for name, p in problems.items()
    }


DESCENT = Etude(
    name="descent",
    question=Message("descent.title"),
    find=find,
    lay_out=lay_out,
    tasks=own_tasks,
    arms=make_arms,
    plan=nothing_more,
    aims="it measures rates and edges against theory at every learning rate",
    keeps_weights=False,
    defaults={"seeds": 3},
)
