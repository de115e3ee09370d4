"""The finder under a planned schedule: against the closed form of gradient descent on a quadratic."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD

import etude
from etude.cli import app
from etude.core.errors import SpecError
from etude.integrations.finder.answer import Answer
from etude.integrations.finder.planned import multipliers
from etude.schedules import Cosine, Linear, parse_schedule

CURVATURE = 4.0  # f(w) = ½ c w²
SHAPE = "warmup(40%) > cosine"
STEPS = 35  # of the deciding runs of a budget of 500


def bowl(**options: Any) -> Answer:
    w = nn.Parameter(torch.full((3,), 2.0, dtype=torch.float64))
    model = nn.ParameterList([w])
    optimizer = SGD([w], lr=1.0)

    def step() -> float:
        optimizer.zero_grad()
        loss = CURVATURE / 2 * (w**2).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    return etude.find(model, optimizer, step, reset=lambda: None, budget=500, **options)


def truth(multiplier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss of the last quarter at many peaks: w_t = w_0 ∏ (1 − c η m_s)."""
    peaks = np.geomspace(0.05, 20, 2000)
    factors = 1 - CURVATURE * peaks[:, None] * multiplier[:-1]
    w = np.hstack([np.ones((len(peaks), 1)), np.cumprod(factors, axis=1)])
    return peaks, (w[:, -(len(multiplier) // 4) :] ** 2).mean(axis=1)


def test_best_peak_and_edge_are_those_of_the_schedule_and_not_those_of_a_constant_learning_rate() -> None:
    answer = bowl(schedule=SHAPE, steps=STEPS)
    peaks, losses = truth(multipliers(parse_schedule(SHAPE, STEPS), STEPS))
    sound = peaks[losses < 0.9]
    assert answer.measured == STEPS
    assert answer.interval[0] <= peaks[np.argmin(losses)] <= answer.interval[1]
    assert answer.edge[0] <= sound.max() <= answer.edge[1]
    assert answer.edge[0] > 1.2 * 2 / CURVATURE  # where a constant learning rate diverges


def test_the_answer_says_for_which_schedule_it_holds() -> None:
    answer = bowl(schedule=SHAPE, steps=STEPS)
    assert SHAPE in answer.text("en")
    assert SHAPE in answer.text("zh")
    assert json.loads(answer.json())["schedule"] == SHAPE
    assert "constant" not in answer.text()
    assert answer.page.sections[0].heading.key == "find.runs.heading.scheduled"
    assert SHAPE in [value for sentence in answer.page.answer for value in sentence.values.values()]


def test_a_schedule_is_gone_through_whole_whatever_the_length_of_the_runs() -> None:
    whole = Cosine(1, 0, 1000)
    assert multipliers(whole, 1000).tolist() == [whole(t) for t in range(1000)]
    assert multipliers(whole, 50) == pytest.approx([whole(20 * t) for t in range(50)])
    longer = bowl(schedule=SHAPE, steps=100 * STEPS)
    assert longer.measured == STEPS
    assert longer.lr < bowl(schedule=SHAPE, steps=STEPS).lr


def test_a_schedule_of_etude_brings_its_steps() -> None:
    assert bowl(schedule=Linear(1, 0, STEPS)).horizon == STEPS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule": "cosine"}, "without steps"),
        ({"schedule": "cosin", "steps": 9}, "cosine"),
        ({"schedule": Linear(1, 0, 5), "steps": 9}, "steps = 9 but a schedule of 5"),
        ({"schedule": 3.0, "steps": 9}, "got float"),
    ],
)
def test_a_schedule_that_does_not_fit_is_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        bowl(**options)


def test_the_command_line_takes_a_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    app(["find", "--budget", "200", "--steps", "300", "--schedule", SHAPE, "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["schedule"] == SHAPE
