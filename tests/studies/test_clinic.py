"""The étude clinic: its cases, and end to end on three of them."""

import math
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import etude
from etude.analysis.diagnosis.verdict import Confidence, Diagnosis, Fault, Remedy
from etude.analysis.statistics import wilson_interval
from etude.core.errors import SpecError
from etude.core.message import Message
from etude.core.trace import Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say
from etude.report.figures import LineFigure
from etude.studies.clinic.arms import arms, own_tasks
from etude.studies.clinic.cases import CASES
from etude.studies.clinic.etude import CLINIC
from etude.studies.clinic.visits import Visit, prescribed
from etude.studies.clinic.ward import Patient, ward
from etude.studies.study import Answer

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
    overview, *sections = answer.page.sections
    assert len(overview.tables[0].rows) == len(sections) == len(FEW)
    for section in sections:
        assert [type(figure) for figure in section.figures] == [LineFigure, LineFigure]
        assert any(sentence.key.startswith("diagnosis.") for sentence in section.prose)
    (loss,) = (figure for figure in answer.page.figures if figure.id == "too-low-loss")
    assert isinstance(loss, LineFigure)
    sick, healed, twin = loss.lines
    assert np.nanmin(sick.y) > np.nanmin(twin.y)
    assert healed.name != twin.name
    for language in LANGUAGES:
        assert len(answer.text(language).splitlines()) == 3


def test_the_page_is_made_without_torch(answer: Answer) -> None:
    script = (
        "import sys; from etude.studies.study import Answer; "
        f"assert len(Answer({str(answer.folder)!r}).page.sections) == {len(FEW) + 1}; assert 'torch' not in sys.modules"
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
