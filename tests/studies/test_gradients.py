"""The étude gradients, end to end on networks of a second or two."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import etude
from etude.core.errors import SpecError, TaskError
from etude.core.finding import Verdict
from etude.report.catalogue import LANGUAGES
from etude.report.figures import HeatFigure, LineFigure
from etude.studies.gradients import networks
from etude.studies.gradients.networks import Net, Remedy
from etude.studies.study import Answer

SMALL: dict[str, Any] = {"seeds": 2, "steps": 30, "batch_size": 24, "lr": "0.01:0.3:3"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, small_task: Any) -> Iterator[Answer]:
    """Few networks, of at most six layers."""
    inits = ("default", "he", 2.0)
    patch_of = {
        "GRID": (*(Net("relu", d, i) for i in inits for d in (1, 6)), Net("tanh", 6, "default")),
        "MAP": (Net("relu", 3, 0.5), Net("relu", 3, 1.414), Net("relu", 3, 4.0)),
        "PATIENTS": {"exploding": Net("relu", 6, 2.0), "vanishing": Net("relu", 6, "default")},
        "REMEDIES": {"–": Remedy(), "value": Remedy(clip={"clip_value": 0.1}), "He": Remedy("he", "cosine")},
        "THROUGH_TIME": {"default": Remedy("default"), "orthogonal": Remedy("orthogonal", clip={})},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in patch_of.items():
            patch.setattr(networks, name, value)
        folder = tmp_path_factory.mktemp("gradients") / "study"
        yield etude.Study("gradients", task=small_task, out=folder, **SMALL).run(workers=0)


def test_every_question_gets_an_answer_or_a_reason(small: Answer) -> None:
    names = ["slopes", "default_depth", "scale", "exploding_remedy", "exploding_basin"]
    names += ["vanishing_remedy", "through_time", "recurrent_remedy"]
    assert [finding.name for finding in small.stored.findings] == names
    for language in LANGUAGES:
        assert len(small.text(language).splitlines()) == 3


def test_the_default_lets_gradients_vanish_and_a_large_start_lets_them_explode(small: Answer) -> None:
    slopes: Any = small["slopes"].details
    assert slopes["relu, default"]["measured"] > 0.2
    assert slopes["relu, default"]["theory"] == pytest.approx(np.log10(6) / 2)
    assert slopes["relu, σ_w = 2"]["measured"] < -0.05


def test_the_default_does_not_train_six_layers_where_he_does(small: Answer) -> None:
    found = small["default_depth"]
    assert found.verdict is Verdict.REFUTED
    assert found.interval == (1, 6)
    assert found.statement.values["others"] != "–"


def test_gradients_through_time_are_measured_for_every_start(small: Answer) -> None:
    found: Any = small["through_time"].details
    assert set(found["measured"]) == {"default", "orthogonal"}
    assert found["without_saturation"]["default"] == pytest.approx(-np.log10(3) / 2)
    assert found["measured"]["default"] < found["measured"]["orthogonal"]


def test_runs_that_two_arms_share_are_trained_once_and_remedies_change_what_they_say(small: Answer) -> None:
    arms = {sweep.arm.name: sweep.arm.base for sweep in small.stored.sweeps}
    assert arms["exploding: value"].clip_value == 0.1
    assert arms["exploding: He"].task == arms["vanishing: He"].task == arms["relu 6 He"].task
    assert arms["exploding: He"].schedule(29) < 0.01
    assert arms["exploding: –"].clip_norm is None


def test_the_page_draws_theory_beside_measurement_and_maps_with_a_slider(small: Answer) -> None:
    figures = {figure.id: figure for figure in small.page.figures}
    deltas, depths = figures["relu-delta"], figures["relu-depths-by-lr"]
    assert isinstance(deltas, LineFigure)
    assert [line.style for line in deltas.lines] == ["line", "dashed"] * 3
    assert isinstance(depths, HeatFigure)
    assert len(depths.frames) == 3
    assert sum(line.like is None for line in deltas.lines) == 3  # names in the legend
    (opened,) = (frame.lr for frame in depths.frames if np.array_equal(frame.values, depths.values))
    levels = {frame.lr: np.log(np.minimum(frame.values, 3)).sum() for frame in depths.frames}
    assert opened == min(levels, key=lambda lr: levels[lr])
    assert {"map", "through-time", "exploding-contest", "vanishing-valleys", "tanh-training"} <= set(figures)


@pytest.mark.parametrize(
    ("options", "why"),
    [({"hidden": (8,)}, "brings networks of its own"), ({"clip": 1.0}, "schedules and clipping of its own")],
)
def test_what_it_chooses_itself_is_refused(tmp_path: Any, options: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        etude.Study("gradients", out=tmp_path / "s", **options).run(workers=0)


def test_a_task_without_classes_is_refused(tmp_path: Any) -> None:
    import torch
    from torch import nn

    from etude.tasks.task import Task

    line = Task("line", lambda: nn.Linear(1, 1), (torch.randn(20, 1), torch.randn(20, 1)), None)
    with pytest.raises(TaskError, match="needs a task with classes"):
        etude.Study("gradients", task=line, out=tmp_path / "s").run(workers=0)
