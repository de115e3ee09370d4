"""Whole studies of problems whose answer is known."""

import pytest
import torch
from torch import nn

import etude
from etude.core.finding import Verdict
from etude.report.catalogue import say
from etude.tasks.problems import quadratic


@pytest.mark.parametrize(("momentum", "largest"), [(0.0, 10.0), (0.9, 3.0)])
def test_the_bracketed_edge_of_a_quadratic_contains_two_over_lambda(tmp_path, momentum, largest):
    task = quadratic((1.0, 2.0, largest))
    edge = 2 * (1 + momentum) / largest
    study = etude.Study(
        "convergence", task=task, out=tmp_path / "s", lr=f"{edge / 30}:{edge * 3}:6", seeds=3, steps=300, batch_size=16,
        momentum=momentum,
    )  # fmt: skip
    found = study.run(workers=0, keep_weights=False)["edge"]
    assert found.verdict is Verdict.SUPPORTED
    low, high = found.interval
    assert low <= edge <= high
    assert high / low <= 1.1


def test_the_best_learning_rate_of_a_quadratic_is_the_one_of_theory(tmp_path):
    study = etude.Study(
        "convergence", task=quadratic((1.0, 4.0)), out=tmp_path / "s", lr="0.1:0.9:9", seeds=5, steps=20, batch_size=16,
        momentum=0.0,
    )  # fmt: skip
    best = study.run(workers=0, keep_weights=False)["best_lr"]
    assert best.verdict is Verdict.SUPPORTED
    assert best.estimate == pytest.approx(2 / (1 + 4), rel=0.15)


def test_a_study_in_which_everything_diverges_says_so_and_what_to_try(tmp_path):
    study = etude.Study(
        "convergence", task=quadratic((1.0, 10.0)), out=tmp_path / "s", lr="1e4:1e6:3", seeds=2, steps=60, batch_size=16
    )
    answer = study.run(workers=0)
    assert answer["recommended_lr"].estimate is None
    assert answer["best_lr"].verdict is Verdict.INCONCLUSIVE
    assert (tmp_path / "s" / "report.html").exists()
    assert "diverge" in answer.text()
    assert "60 steps each" in say(answer.page.subtitle)


def labels(kind):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(200, 8, generator=generator)
    y = torch.randint(0, 2, (200,), generator=generator) if kind == "shuffled" else torch.full((200, 1), 2.0)
    return x, y


@pytest.mark.parametrize("etude_name", ["convergence", "generalization"])
def test_one_seed_recommends_nothing_and_says_why(tmp_path, etude_name):
    study = etude.Study(etude_name, out=tmp_path / "s", lr="0.01:1:4", seeds=1, steps=40, batch_size=32)
    answer = study.run(workers=0)
    recommended = answer["recommended_lr"]
    assert (recommended.estimate, recommended.verdict) == (None, Verdict.INCONCLUSIVE)
    assert "seed" in say(recommended.statement)


def test_shuffled_labels_recommend_nothing_for_generalization(tmp_path):
    task = etude.Task("noise", lambda: nn.Linear(8, 2), train=labels("shuffled"))
    study = etude.Study(
        "generalization", task=task, out=tmp_path / "s", lr="0.001:0.3:5", seeds=5, steps=60, batch_size=32
    )
    answer = study.run(workers=0)
    assert answer["best_lr_validation"].verdict is Verdict.INCONCLUSIVE


def test_a_constant_target_is_learned_and_does_not_break_the_report(tmp_path):
    task = etude.Task("constant", lambda: nn.Linear(8, 1), train=labels("constant"))
    study = etude.Study(
        "generalization", task=task, out=tmp_path / "s", lr="0.001:1:5", seeds=3, steps=60, batch_size=32
    )
    answer = study.run(workers=0)
    assert answer["edge"].verdict is Verdict.SUPPORTED
