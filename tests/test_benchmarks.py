"""The benchmarks: that they time every rule, and that what they time runs."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import etude.training.rules as package
from etude.tasks.builtin import ModelOptions, builtin_task

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def rules() -> Any:
    names = ("rules", "rivals", "timing")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import rules

        yield rules
        for name in names:
            sys.modules.pop(name, None)


def test_every_update_rule_is_timed(rules: Any) -> None:
    assert {type(duel.rule).__name__ for duel in rules.DUELS.values()} == set(package.__all__)


@pytest.mark.filterwarnings("ignore")  # of the packages that it is timed against
def test_every_duel_can_be_fought(rules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LANES", 2)
    size = rules.Size("small", "digits", 4, 8, 2, 1.0)
    task = builtin_task("digits", ModelOptions("mlp", (4,)))
    for name, duel in rules.DUELS.items():
        for part in (rules.updates, rules.whole_steps):
            measures = part(duel, size, task)
            assert set(measures) == {"stack", *(other for other, _ in duel.others())}, name
            assert all(measure() > 0 for measure in measures.values()), name


def test_the_stack_and_the_other_train_to_the_same_weights(rules: Any) -> None:
    task = builtin_task("digits", ModelOptions("mlp", (4,)))
    for name in ("SGD, momentum", "AdamW", "RMSprop"):
        duel = rules.DUELS[name]
        stack, model = rules.Stack(duel, task), task.init(0)
        _, make = next(iter(duel.others()))
        optimizer = make(list(model.parameters()))
        for _ in range(3):
            grads = {n: torch.ones_like(p) for n, p in stack.params.items()}
            stack.update(grads)
            for p in model.parameters():
                p.grad = torch.ones_like(p)
            optimizer.step()
        for n, p in model.named_parameters():
            torch.testing.assert_close(stack.params[n][0], p.detach())


def test_what_the_monitor_costs_is_measured_on_both_loops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    import monitor

    monkeypatch.setattr(monitor, "TURN", 2)
    monkeypatch.setattr(monitor, "TURNS", 2)
    monkeypatch.setattr(monitor, "SETTLE", 4)
    small = dataclasses.replace(
        monitor.loops()[2],
        model=lambda: torch.nn.Linear(4, 2),
        batches=lambda: [(torch.ones(3, 4), torch.tensor([0, 1, 0]))],
    )
    taken, watched = monitor.measured(small, str(tmp_path), 3)
    for name in ("monitor", "jobs", "timing"):
        sys.modules.pop(name, None)
    assert np.shape(taken) == (3, 2, 2)
    assert monitor.interval_of_median([float(i) for i in range(9)]) == (1.0, 7.0)
    assert watched.steps == 4 + 3 * 2 * 2
