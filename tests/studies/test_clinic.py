"""The étude clinic: its cases, and end to end on three of them."""

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import etude
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.analysis.statistics import wilson_interval
from etude.core.errors import SpecError
from etude.core.message import Message
from etude.core.spec import RunSpec, TaskRef
from etude.core.trace import Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say
from etude.report.figures import LineFigure
from etude.schedules import Constant
from etude.studies.clinic.arms import arms, own_tasks
from etude.studies.clinic.cases import CASES
from etude.studies.clinic.etude import CLINIC
from etude.studies.clinic.figures import deciding_figure
from etude.studies.clinic.measures import FACTORS, REPEATS, ForkTest, fork_of
from etude.studies.clinic.shown import Shown
from etude.studies.clinic.visits import Course, Visit, prescribed
from etude.studies.clinic.ward import Patient, ward
from etude.studies.study import Answer
from etude.tasks.patients import patient_task
from etude.training.engine import Engine, make_gradients
from etude.training.finish import finish
from etude.training.fork import fork_lanes
from etude.training.lanes import start_lanes
from etude.training.rules import SGD
from etude.training.train import train

FEW = ("too-low", "clipping")
SEEDS = 2


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answer]:
    """Two cases, which share the plain healthy runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(CASES) - set(FEW):
            patch.delitem(CASES, name)
        folder = tmp_path_factory.mktemp("clinic") / "study"
        yield etude.Study("clinic", out=folder, seeds=SEEDS, steps=200).run(workers=0)


@pytest.fixture(scope="module")
def patients(answer: Answer) -> dict[str, Patient]:
    return {patient.name: patient for patient in ward(answer.stored.sweeps)}


def visit(lr: float, factor: float | None) -> Visit:
    """A visit whose first verdict asks for a multiple of η."""
    remedy = None if factor is None else Remedy(Message("diagnosis.plateau.remedy"), lr_factor=factor)
    verdict = Diagnosis(Fault.TOO_LOW, Message("diagnosis.plateau.remedy"), Confidence.LIKELY, remedy)
    return Visit(lr, Trace("", Outcome(Ending.COMPLETED, 0)), (verdict,))


def test_a_remedy_is_followed_to_the_number() -> None:
    assert prescribed([visit(2e-4, 10.0)]) == 2e-3
    assert prescribed([visit(0.03, 0.3)]) == 0.009


def test_a_remedy_that_is_no_other_lr_or_leads_back_is_not_followed() -> None:
    assert prescribed([visit(0.1, None)]) is None
    assert prescribed([visit(0.1, 1.0)]) is None
    assert prescribed([visit(0.01, 10.0), visit(0.1, 0.1)]) is None


def test_every_case_differs_from_its_twin_and_has_its_sentences_in_both_languages() -> None:
    spec = etude.Study("clinic").spec
    by_name = {arm.name: arm for arm in arms(spec, own_tasks(spec, None, "cpu"), CLINIC.measures)}
    assert len(by_name) == 2 * len(CASES)
    for name, case in CASES.items():
        sick, twin = by_name[f"{name}/sick"].base, by_name[f"{name}/twin"].base
        assert sick.hash != twin.hash
        assert (sick.steps, sick.seed) == (twin.steps, twin.seed)
        assert case.truth
        for language in LANGUAGES:
            assert say(Message(f"clinic.{name}.heading", {"number": 1}), language)
            assert say(Message(f"clinic.{name}.story"), language)
            assert say(Message(f"clinic.shown.{case.shown.key}.axis"), language)


def test_every_fault_of_the_catalogue_has_a_case() -> None:
    shown = {fault for case in CASES.values() for fault in case.truth}
    assert shown == set(Fault) - {Fault.HEALTHY, Fault.UNDECIDED}


def test_a_fork_test_in_a_trace_is_the_one_that_training_makes() -> None:
    task, rule, steps = patient_task("plain", "noisy"), SGD(momentum=0.9), 6
    spec = RunSpec(TaskRef(task.name, ""), rule, Constant(steps), 0.05, steps, 8, 3, evaluate_every=2)
    plain = start_lanes([spec], task)
    gradients = make_gradients(task, spec.seed, Engine.STACK)
    states = train(plain, gradients, task)
    while plain.step < 4:
        next(states)
    oracle = fork_lanes(plain, gradients, task, factors=FACTORS, steps=5, repeats=REPEATS)[0]
    measured = replace(spec, measures=(ForkTest(rule, at=4, steps=5),))
    lanes = start_lanes([measured], task)
    for _ in train(lanes, gradients, task):
        pass
    (trace,) = finish(lanes, gradients, task)
    fork = fork_of(trace)
    assert fork is not None
    assert (fork.step, fork.steps) == (4, 5)
    np.testing.assert_array_equal(fork.after, oracle.after)
    np.testing.assert_array_equal(fork.before, oracle.before)
    assert fork.on_held_out is not None
    assert oracle.on_held_out is not None
    np.testing.assert_array_equal(fork.on_held_out.after, oracle.on_held_out.after)
    trained_only = {name: column for name, column in trace.evaluations.items() if "held_out" not in name}
    older = fork_of(replace(trace, evaluations=trained_only))
    assert older is not None
    assert older.on_held_out is None
    assert fork_of(Trace("", Outcome(Ending.COMPLETED, 0))) is None


def test_a_linear_patient_is_a_parabola_of_the_curvature_that_its_story_tells() -> None:
    x = patient_task("linear", "digits").train[0].double()
    curvature = 2 * np.linalg.norm(x.numpy(), 2) ** 2 / x.shape[0] / 10 + 1e-3
    assert curvature == pytest.approx(6.48, abs=0.005)
    sick = CASES["oscillation"].sick
    assert 0.9998 * 2 / curvature < sick.lr < 2 / curvature


@pytest.mark.parametrize(
    ("pick", "column", "expected"),
    [
        ("time", "hidden_gradient/", [[1.0, 2.0], [5.0, 7.0]]),
        ("min", "angular_update/", [[2.0], [0.25]]),
        ("edge", "sharpness", [[0.0, 5.0], [1.0, 1.5]]),
        ("fork", "fork/", [list(FACTORS), [2.0, 2.0, 2.0]]),
    ],
)
def test_what_decides_is_drawn_from_its_columns(pick: Any, column: str, expected: list[list[float]]) -> None:
    rows = {"step": [0, 5], "sharpness": [2, 3], "hidden_gradient/rnn/1": [7, 0], "hidden_gradient/rnn/0": [5, 0]}
    rows |= {f"fork/{r}/{f:.3g}": [2, np.nan] for r in range(REPEATS) for f in FACTORS}
    rows |= {"hidden_gradient/slope": [9, 9], "fork/before": [3, np.nan], "fork/steps": [5, np.nan]}
    steps = {"lr": [0.5] * 5, "angular_update/0.weight": [0.25] * 5, "angular_update/4.weight": [0.5] * 5}
    trace = Trace(
        "",
        Outcome(Ending.COMPLETED, 5),
        {name: np.array(values, dtype=float) for name, values in steps.items()},
        {name: np.array(values, dtype=float) for name, values in rows.items()},
    )
    run = replace(visit(0.5, None), trace=trace)
    case = replace(CASES["too-low"], shown=Shown(column, pick, log=False))
    figure = deciding_figure(Patient("x", 1, case, (Course(0, (run,), None),), (run,), ()))
    for line in figure.lines:
        np.testing.assert_allclose([line.x, line.y], expected)
    assert len(figure.lines) == 2


def test_the_faults_are_named_and_the_twins_left_in_peace(answer: Answer, patients: dict[str, Patient]) -> None:
    assert [patient.named for patient in patients.values()] == [SEEDS] * len(FEW)
    assert [patient.alarms for patient in patients.values()] == [0] * len(FEW)
    named, alarms = answer["named"], answer["alarms"]
    assert (named.estimate, named.interval) == (1.0, wilson_interval(4, 4))
    assert alarms.statement.values["twins"] == SEEDS
    assert alarms.interval == wilson_interval(0, SEEDS)
    assert {finding.name for finding in answer.stored.findings} >= {"too_low", "clipping"}


def test_the_next_run_is_at_the_lr_that_the_verdict_before_printed(patients: dict[str, Patient]) -> None:
    for course in patients["too-low"].courses:
        assert len(course.visits) > 1
        for before, after in zip(course.visits, course.visits[1:], strict=False):
            remedy = before.first.remedy
            assert remedy is not None
            assert math.isclose(after.lr, before.lr * float(remedy.text.values["factor"]), rel_tol=1e-6)
        assert course.asks is None


def test_healed_is_within_a_twentieth_of_the_descent_of_the_twin(answer: Answer, patients: dict[str, Patient]) -> None:
    patient = patients["too-low"]
    expected = 0
    for course, twin in zip(patient.courses, patient.twins, strict=True):
        column = twin.trace.evaluations["validation_loss"]
        end = course.visits[-1].trace.evaluations["validation_loss"][-1]
        expected += bool(end - column[-1] <= 0.05 * (column[0] - column[-1]))
    assert patient.treated == tuple(range(SEEDS))
    assert patient.healed == expected == answer["healed"].statement.values["healed"]
    assert patients["clipping"].treated == ()


def test_the_page_shows_for_each_case_the_verdict_and_two_figures(answer: Answer) -> None:
    overview, *sections, unshown = answer.page.sections
    assert unshown.prose
    assert len(overview.tables[0].rows) == len(sections) == len(FEW)
    for section in sections:
        assert [type(figure) for figure in section.figures] == [LineFigure, LineFigure]
        labels = [fact.label.key.rpartition(".")[2] for fact in section.facts if isinstance(fact.label, Message)]
        assert (labels[0], labels[-1]) == ("verdict", "seeds")
        told = section.facts[0].value
        assert isinstance(told, Message)
        assert told.key.startswith("diagnosis.")
    assert [row[0] for row in overview.tables[0].rows] == [section.heading for section in sections]  # they lead there
    (loss,) = (figure for figure in answer.page.figures if figure.id == "too-low-loss")
    assert isinstance(loss, LineFigure)
    sick, twin, healed = loss.lines
    assert np.nanmin(sick.y) > np.nanmin(twin.y)
    assert healed.name != twin.name
    for language in LANGUAGES:
        assert len(answer.text(language).splitlines()) == 3


def test_the_page_is_made_without_torch(answer: Answer) -> None:
    script = (
        "import sys; from etude.studies.study import Answer; "
        f"assert len(Answer({str(answer.folder)!r}).page.sections) == {len(FEW) + 2}; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"lr": "0.1:1:3"}, "has its own lr, got lr = 0.1:1:3"),
        ({"optimizer": "adam"}, "has its own optimizer, got optimizer = adam"),
        ({"data": "fashion-mnist"}, "made of digits, got fashion-mnist"),
        ({"steps": 199}, "needs at least 200 steps, got 199"),
    ],
)
def test_what_the_cases_decide_is_refused(tmp_path: Any, options: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        etude.Study("clinic", out=tmp_path / "s", **options).run(workers=0)
    assert not (tmp_path / "s").exists()
