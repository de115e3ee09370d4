"""A second axis beside the learning rate, from the options to the page."""

import pytest

from etude.core.errors import SpecError
from etude.core.finding import Verdict
from etude.report.figures import HeatFigure, LineFigure, RaceFigure
from etude.studies.study import Study
from etude.training.rules import SGD

OPTIONS = {"lr": "0.003:1:6", "seeds": 3, "steps": 60}


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("axis") / "study"
    return Study("convergence", data="digits", grid="momentum=0,0.9,0.98", out=folder, **OPTIONS).run(workers=0)


def test_every_value_gets_a_sweep_of_its_own(answer):
    rules = [sweep.arm.base.rule for sweep in answer.stored.sweeps]
    assert rules == [SGD(), SGD(momentum=0.9), SGD(momentum=0.98)]
    assert all(len(sweep.table.lrs) >= 6 for sweep in answer.stored.sweeps)


def test_more_momentum_wants_a_smaller_learning_rate(answer):
    best = answer["best_value"].details["best_lr"]
    assert best[0] > best[1] > best[2]
    trend = answer["best_lr_trend"]
    assert trend.estimate is None or trend.estimate < 0
    assert answer["best_value"].verdict in (Verdict.SUPPORTED, Verdict.INCONCLUSIVE)


def test_the_page_shows_the_plane_the_track_and_the_contest(answer):
    kinds = {type(figure) for figure in answer.page.figures}
    assert {HeatFigure, LineFigure, RaceFigure} <= kinds
    plane = next(f for f in answer.page.figures if isinstance(f, HeatFigure))
    assert plane.values.shape[0] == 3
    assert [row for row, _ in plane.marks] == [0, 1, 2]
    for language in ("en", "zh"):
        assert "momentum" in answer.text(language)
    assert (answer.folder / "report.html").stat().st_size > 10_000


def test_running_it_again_changes_nothing(answer):
    again = Study("convergence", data="digits", grid="momentum=0,0.9,0.98", out=answer.folder, **OPTIONS).run(workers=0)
    assert again.findings == answer.findings


def test_the_held_out_loss_decides_in_generalization(tmp_path):
    few = {"lr": "0.01:1:4", "seeds": 2, "steps": 20}
    study = Study("generalization", data="digits", grid="batch_size=16,64", out=tmp_path / "s", **few)
    assert study.etude.objective == "validation_loss"
    found = study.run(workers=0)["best_value"]
    assert found.question.key == "along.best.question.validation_loss"


def test_a_wrong_axis_is_refused():
    with pytest.raises(SpecError, match="the second axis cannot be 'lr'"):
        Study("convergence", grid="lr=0.1:1:3")
