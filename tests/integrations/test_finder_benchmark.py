"""The finder's scoreboard: what it counts, and that all methods name a learning rate."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def board() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import finder

        yield finder
        sys.modules.pop("finder", None)


def test_regret_is_the_share_of_the_attainable_range_that_is_lost(board: Any) -> None:
    truth = board.Truth(np.array([0.01, 0.1, 1.0]), np.array([1.5, 0.5, np.inf]), start=2.5)
    assert truth.best == 0.1
    assert truth.regret(0.1) == 0.0
    assert truth.regret(0.01) == pytest.approx(0.5)
    assert truth.regret(np.sqrt(0.001)) == pytest.approx(0.25)
    assert truth.regret(1.0) == truth.regret(50.0) == pytest.approx(1.0)


def test_tasks_for_tuning_and_held_out_tasks_are_told_apart(board: Any) -> None:
    assert {case.tune for case in board.CASES} == {True, False}
    assert len({case.name for case in board.CASES}) == len(board.CASES)


def test_all_methods_name_a_learning_rate_and_are_reported(board: Any, capsys: pytest.CaptureFixture[str]) -> None:
    case = board.CASES[0]
    rules, account = board.suggestions(case, case.task(), seed=1)
    assert {"étude", "default", "valley", "slide", "minimum", "steep", "8 × 100 steps"} == set(rules)
    row = {
        "tune": True,
        "best": 0.1,
        "lr": rules,
        "regret": dict.fromkeys(rules, 0.25),
        "covered": True,
        "account": account,
    }
    board.report([row, row | {"regret": rules | {"étude": None}}])
    said = capsys.readouterr().out
    assert "tasks for tuning: 2 answers" in said
    assert "refused 1" in said
    assert replace(case, rule="adam").default == 1e-3
