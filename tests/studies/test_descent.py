"""The étude descent, with fewer directions, learning rates and steps than by default."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import etude
import etude.studies.descent.arms as arms
import etude.studies.descent.problems as problems
from etude.analysis.descent.theory import Method
from etude.core.errors import SpecError
from etude.core.finding import Verdict
from etude.report.catalogue import say
from etude.studies.descent.page import stored_problems
from etude.studies.study import Answer


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """The étude at a fraction of its cost; 1e-6 by gradient descent takes 350 steps where κ = 100."""
    folder = tmp_path_factory.mktemp("descent") / "study"
    with pytest.MonkeyPatch.context() as patch:
        for slow in ("quadratic-300", "quadratic-1000"):
            patch.delitem(problems.QUADRATICS, slow)
        problems.known_problems.cache_clear()
        patch.setattr(arms, "MAIN_STEPS", 360)
        patch.setattr(arms, "SHARES", (0.5, 0.9, 0.998, 1.002, 1.05))
        patch.setattr(arms, "LOGISTIC_SHARES", (0.5, 0.98, 1.02))
        patch.setattr(arms, "DIGITS_SHARES", (0.5, 1.01))
        patch.setattr(arms, "REGRESSION_STEPS", {Method.GRADIENT_DESCENT: 60, Method.HEAVY_BALL: 40})
        patch.setattr(arms, "NOISY_STEPS", 200)
        patch.setattr(arms, "NOISY_SHARES", (0.05, 0.1, 0.12, 0.5))
        patch.setattr(arms, "PLAY_STEPS", 20)
        answer = etude.Study("descent", out=folder, seeds=2).run(workers=0, engine="stack")
    problems.known_problems.cache_clear()
    return answer


def test_measurement_agrees_with_theory(answer):
    for name in ("edge", "best_lr", "momentum"):
        assert answer[name].verdict is Verdict.SUPPORTED, say(answer[name].statement)
    assert answer["edge"].estimate == pytest.approx(1, abs=0.01)
    assert answer["best_lr"].estimate == pytest.approx(2 / 10.1, rel=0.01)
    assert "refuted" not in {finding.verdict.value for finding in answer.findings.values()}


def test_the_page_can_be_said_in_both_languages_and_drawn(answer):
    html = (answer.folder / "report.html").read_text(encoding="utf-8")
    assert "梯度下降" in html
    assert answer.text("zh") != answer.text("en")
    assert {figure.id for figure in answer.page.figures} >= {"rates", "surface", "gain", "floor", "rates-digits"}


def test_trajectories_are_those_of_the_update_rule(answer):
    (surface,) = (figure for figure in answer.page.figures if figure.id == "surface")
    flat, steep = problems.BOWL_EIGENVALUES
    for panel, beta in zip(surface.panels, (0.0, arms.BEST[Method.HEAVY_BALL](flat, steep).momentum), strict=True):
        for way in panel.trajectories:
            w, velocity = way.points[0].copy(), np.zeros(2)
            for point in way.points:
                np.testing.assert_allclose(point, w, rtol=1e-9, atol=1e-12)
                velocity = beta * velocity + np.array([flat, steep]) * w
                w = w - way.lr * velocity


def test_the_page_is_made_without_torch(answer):
    script = (
        "import sys; from etude.studies.study import Answer; "
        f"Answer({str(answer.folder)!r}).page; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_is_known_of_the_problems_is_stored_with_the_findings(answer):
    stored = stored_problems(Answer(answer.folder)["edge"].details["problems"])
    assert set(stored) == set(problems.known_problems()) - {"quadratic-300", "quadratic-1000"}
    for name in stored:
        problem = problems.known_problems()[name]
        np.testing.assert_allclose(stored[name].eigenvalues, problem.eigenvalues, rtol=1e-12)
        assert (stored[name].minimum, stored[name].bound) == (problem.minimum, problem.bound)


def test_every_full_batch_is_the_whole_training_set():
    tasks = problems.make_tasks()
    for arm in arms.make_arms(etude.Study("descent").spec, tasks, ()):
        name = arm.name.partition("/")[0]
        assert arm.base.batch_size == (arms.BATCH if name == problems.NOISY else tasks[name].size("train"))
        assert list(arm.lrs) == sorted(set(arm.lrs))


def test_the_edge_and_the_fastest_learning_rate_lie_inside_the_sweeps():
    tasks, known = problems.make_tasks(), problems.known_problems()
    by_name = {arm.name: arm for arm in arms.make_arms(etude.Study("descent").spec, tasks, ())}
    for method in (Method.GRADIENT_DESCENT, Method.HEAVY_BALL):
        for name in (problems.MAIN, *problems.REGRESSIONS):
            best = arms.BEST[method](known[name].bottom, known[name].top)
            lrs = by_name[arms.arm_name(name, method)].lrs
            limit = arms.edge(method, known[name].top, best.momentum)
            assert lrs[0] < best.lr < limit < lrs[-1]
            assert max(b / a for a, b in pairwise(lrs) if a < limit < b) < 1.03


@pytest.mark.parametrize("options", [{"model": "cnn"}, {"optimizer": "adam"}, {"steps": 100}, {"lr": "0.1:1:3"}])
def test_options_that_descent_would_ignore_are_refused(options, tmp_path):
    with pytest.raises(SpecError, match=f"got {next(iter(options))} = .*: leave it out"):
        etude.Study("descent", out=tmp_path / "s", **options).run(workers=0)
    assert not (tmp_path / "s").exists()


def test_other_data_and_tasks_are_refused(tmp_path):
    with pytest.raises(SpecError, match="takes its real data from digits"):
        etude.Study("descent", out=tmp_path / "s", data="fashion-mnist").run(workers=0)
    task = problems.make_tasks()["logistic"]
    with pytest.raises(SpecError, match="brings its own problems"):
        etude.Study("descent", out=tmp_path / "s", task=task).run(workers=0)
