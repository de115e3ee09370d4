"""The étude updates, end to end on a sweep of a second or two."""

from typing import Any

import numpy as np
import pytest

import etude
from etude.core.finding import Verdict
from etude.report.catalogue import LANGUAGES
from etude.report.figures import BandFigure, HeatFigure, LineFigure
from etude.studies.study import Answer
from etude.studies.updates.arms import RULES, look


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, small_task: Any) -> Answer:
    folder = tmp_path_factory.mktemp("updates") / "study"
    options: dict[str, Any] = {"seeds": 3, "steps": 40, "batch_size": 24, "lr": "0.001:10:7"}
    return etude.Study("updates", task=small_task, out=folder, **options).run(workers=0)


def test_every_question_gets_an_answer_or_a_reason(small: Answer) -> None:
    assert [f.name for f in small.stored.findings] == ["update_ratio", "tells_low", "tells_high", "rules"]
    for language in LANGUAGES:
        brief, *reasons = small.text(language).splitlines()
        assert len(reasons) == 3
        assert len(brief) < 130


def test_weights_are_looked_into_and_biases_are_not(small: Answer) -> None:
    assert set(small["update_ratio"].details["layers"]) == {"0.weight", "2.weight"}  # type: ignore[call-overload]


def test_shown_are_a_low_the_best_and_the_highest_learning_rates(small: Answer) -> None:
    own = look(small.stored.sweeps)
    best = own.reading.optimum.grid_lr
    assert own.lrs == sorted(set(own.lrs))
    assert best in own.lrs
    assert own.lrs[0] == pytest.approx(best / 10, rel=0.9)
    assert 3 <= len(own.lrs) <= 4


def test_lion_moves_every_weight_alike_and_sgd_hardly_at_all(small: Answer) -> None:
    found: Any = small["rules"]
    assert set(found.details["median"]) == set(RULES)
    assert found.details["median"]["Lion"] == pytest.approx(1e-3, rel=0.01)
    assert found.details["spread"]["Lion"] == pytest.approx(1, rel=0.01)
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate > 10


def test_the_page_has_a_map_with_a_slider_histories_and_distributions(small: Answer) -> None:
    figures = {figure.id: figure for figure in small.page.figures}
    heat, ratio, rules = figures["layers"], figures["ratio"], figures["rules"]
    assert isinstance(heat, HeatFigure)
    assert len(heat.frames) == len(look(small.stored.sweeps).table.lrs)
    assert isinstance(ratio, LineFigure)
    assert isinstance(rules, BandFigure)
    assert [panel.name for panel in rules.panels] == list(RULES)
    assert all(len(f.panels) <= f.shown for f in figures.values() if isinstance(f, BandFigure))  # no chooser is needed
    assert len({at.lr for at in small.page.at}) == len(heat.frames)  # the page's slider is the map's
    assert {"weight-norm", "gradient-norm", "update-norm", "update-ratio", "update-sizes"} <= set(figures)


def test_ratios_rise_with_the_learning_rate_where_it_is_low(small: Answer) -> None:
    figure = next(f for f in small.page.figures if f.id == "ratio")
    assert isinstance(figure, LineFigure)
    for line in figure.lines:
        assert (np.diff(line.y[:2]) > 0).all()
