"""The étude find, from its arms to its page, on a tiny task."""

import numpy as np
import pytest

from etude.analysis.finder.price import RULES
from etude.core.errors import SpecError
from etude.core.finding import Verdict
from etude.report.figures import LineFigure, RaceFigure
from etude.report.page import LrFigure
from etude.studies.find.arms import HIGH, LOW, RAMPS
from etude.studies.find.find import read
from etude.studies.study import Study


@pytest.fixture(scope="module")
def answer(tmp_path_factory, small_task):
    folder = tmp_path_factory.mktemp("find") / "study"
    options = {"steps": 150, "seeds": 3, "lr": "0.01:1:3", "batch_size": 16}
    return Study("find", task=small_task, out=folder, **options).run(workers=0)


def test_ramps_rise_by_one_factor_from_end_to_end(answer):
    ramps = [sweep for sweep in answer.stored.sweeps if sweep.arm.name.startswith("ramp")]
    assert [sweep.arm.base.steps for sweep in ramps] == list(RAMPS)
    for sweep in ramps:
        lrs = [sweep.arm.base.peak_lr * sweep.arm.base.schedule(t) for t in range(sweep.arm.base.steps)]
        assert np.diff(np.log(lrs)) == pytest.approx(np.log(HIGH / LOW) / len(lrs))
        assert lrs[-1] == pytest.approx(HIGH)


def test_every_method_is_judged_by_the_whole_horizon_at_the_learning_rate_that_it_names(answer):
    reading = read(answer.stored.sweeps, answer.stored.options)
    assert {p.name for p in reading.prices} == {*RULES, "constant 5", "constant 15", "constant 50", "default"}
    table = reading.truth
    losses = table.result("validation_loss")
    best = int(np.argmin(losses.mean(axis=1)))
    attainable = table.baseline("validation_loss").mean() - losses[best].mean()
    for p in reading.short:
        for seed, lr in enumerate(p.lrs):
            row = np.flatnonzero(np.isclose(table.lrs, lr))
            if len(row):  # a shorter horizon may have been refined elsewhere
                lost = (losses[row[0], seed] - losses[best, seed]) / attainable
                assert p.regrets[seed] == pytest.approx(lost)


def test_short_runs_are_paid_for_with_all_of_their_steps(answer):
    reading = read(answer.stored.sweeps, answer.stored.options)
    assert all(p.steps >= 3 * int(p.name.removeprefix("constant ")) for p in reading.short)
    assert all(p.steps == 100 for p in reading.rules)


def test_every_question_gets_an_answer_or_a_reason(answer):
    assert set(answer.findings) == {"range_test", "short_runs", "ramp_length", "best_lr_trend"}
    for language in ("en", "zh"):
        assert len(answer.text(language).splitlines()) == 3


def test_the_page_shows_ramp_truth_prices_lengths_and_horizons(answer):
    figures = {figure.id: type(figure) for figure in answer.page.figures}
    assert figures == {
        "ramp": LrFigure,
        "truth": LrFigure,
        "price": RaceFigure,
        "length": LineFigure,
        "drift": LineFigure,
    }


def test_with_one_seed_nothing_is_claimed(tmp_path, small_task):
    options = {"steps": 150, "seeds": 1, "lr": "0.03:0.3:2"}
    answer = Study("find", task=small_task, out=tmp_path / "s", **options).run(workers=0)
    assert {finding.verdict for finding in answer.findings.values()} == {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"steps": 149}, "needs at least 150 steps, got 149"),
        ({"schedule": "cosine"}, "constant learning rates, got 'cosine'"),
        ({"controller": "plateau"}, "got 'plateau'"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, options, why):
    with pytest.raises(SpecError, match=why):
        Study("find", data="digits", out=tmp_path / "s", **options).run(workers=0)
