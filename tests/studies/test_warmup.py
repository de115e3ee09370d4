"""The étude warmup, from its arms to its page."""

import numpy as np
import pytest

from etude.core.errors import SpecError
from etude.report.figures import BandFigure, HeatFigure, LineFigure, RaceFigure
from etude.schedules.notation import parse_schedule
from etude.studies.study import Study
from etude.studies.warmup.arms import LENGTHS, RACES, SCHEDULES, SHAPES, SHARES


@pytest.fixture(scope="module")
def answer(tmp_path_factory, small_task):
    folder = tmp_path_factory.mktemp("warmup") / "study"
    options = {"steps": 50, "seeds": 3, "lr": "0.003:0.3:3", "batch_size": 16}
    return Study("warmup", task=small_task, out=folder, **options).run(workers=0)


@pytest.mark.parametrize("race", RACES)
def test_every_schedule_trains_at_every_step_and_reaches_its_peak(race):
    for text in RACES[race].values():
        values = [parse_schedule(text, 200)(t) for t in range(200)]
        assert min(values) > 0
        assert max(values) == pytest.approx(1, abs=0.01)


def test_lengths_are_what_they_are_called():
    for name, text in LENGTHS.items():
        values = [parse_schedule(text, 100)(t) for t in range(100)]
        assert int(np.argmax(values)) == max(0, SHARES[name] - 1)
    assert SHAPES["linear"] == SCHEDULES["cosine"] == LENGTHS["warmup(10%)"]


def test_every_question_gets_an_answer_or_a_reason(answer):
    assert {"length_winner", "shape_winner", "schedule_winner", "peak_shift", "length_basin", "first_steps"} <= set(
        answer.findings
    )
    for language in ("en", "zh"):
        assert len(answer.text(language).splitlines()) == 3


def test_adam_begins_with_long_steps(answer):
    first = answer["first_steps"]
    assert first.estimate is None or first.estimate > 1.5


def test_the_page_has_a_figure_for_every_question(answer):
    kinds = [type(figure) for figure in answer.page.figures]
    assert kinds.count(RaceFigure) == 3
    assert {HeatFigure, LineFigure, BandFigure} <= set(kinds)
    assert len({figure.id for figure in answer.page.figures}) == len(kinds)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"steps": 49}, "needs at least 50 steps, got 49"),
        ({"schedule": "cosine"}, "races schedules of its own, got 'cosine'"),
    ],
)
def test_what_cannot_race_is_refused(tmp_path, options, why):
    with pytest.raises(SpecError, match=why):
        Study("warmup", data="digits", out=tmp_path / "s", **options).run(workers=0)
