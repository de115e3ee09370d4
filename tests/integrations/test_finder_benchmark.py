"""The finder's scoreboard: what it counts, that its halves are balanced, and that what is stored fits together."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def board() -> Iterator[Any]:
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import finder
        from finding import methods, peers, problems, score, tables, truth

        parts = {"methods": methods, "peers": peers, "problems": problems, "score": score, "tables": tables}
        yield SimpleNamespace(finder=finder, truth=truth, **parts)
        for name in set(sys.modules) - before:
            if name.split(".")[0] in {"finder", "finding", "worlds"}:
                sys.modules.pop(name)


@pytest.fixture
def valley(board: Any) -> Any:
    """Two seeds at three learning rates, of which the largest diverges."""
    losses = np.array([[1.5, 1.5], [0.4, 0.6], [2.5, 2.5]])
    right = np.array([[0.5, 0.5], [0.9, 0.9], [0.1, 0.1]])
    lrs, start, chance = np.array([0.01, 0.1, 1.0]), np.array([2.5, 2.5]), np.array([0.1, 0.1])
    return board.truth.Truth(lrs, start, chance, losses, right, losses == 2.5)


def test_regret_is_the_share_of_the_attainable_range_that_is_lost(valley: Any) -> None:
    assert valley.regret(0.1) == 0.0
    assert valley.regret(0.01) == pytest.approx(0.5)
    assert valley.regret(np.sqrt(0.001)) == pytest.approx(0.25)
    assert valley.regret(1.0) == valley.regret(50.0) == pytest.approx(1.0)
    assert valley.regret(1e-6) == pytest.approx(1.0)
    assert valley.points(0.01) == pytest.approx(40.0)
    assert valley.basin == (0.1, 0.1)


def test_the_best_of_a_parabola_is_its_vertex(board: Any) -> None:
    x = np.linspace(-2, 0, 9)
    losses = np.stack([(x + 1.07) ** 2, (x + 1.07) ** 2], axis=1)
    truth = board.truth.Truth(10**x, np.array([4.0, 4.0]), None, losses, None, losses > 4)
    assert np.log10(truth.best) == pytest.approx(-1.07)
    assert truth.uncertain == pytest.approx((truth.best, truth.best))
    assert truth.points(0.1) is None


def test_halves_are_balanced(board: Any) -> None:
    halves = {half: [p for p in board.problems.problems() if p.half == half] for half in board.problems.HALVES}
    tuning, held_out = (Counter(str(p.rule) for p in halves[half]) for half in board.problems.HALVES)
    assert tuning == held_out
    assert len({p.name for p in board.problems.problems()}) == 2 * tuning.total() >= 12


def test_every_stored_truth_has_its_best_inside_its_grid(board: Any) -> None:
    for problem in board.problems.problems():
        truth = board.truth.load(problem)
        assert truth.lrs == pytest.approx(problem.lrs)
        assert truth.losses.shape[1] >= 5
        assert truth.lrs[1] < truth.uncertain[0] <= truth.uncertain[1] < truth.lrs[-2], problem.name
        assert truth.curve[0] > 0.2
        assert truth.curve[-1] > 0.2


def test_other_libraries_were_asked_the_same(board: Any) -> None:
    rows = json.loads(board.peers.FILE.read_text())
    asked = Counter((row["problem"], row["seed"]) for row in rows)
    assert asked == {(p.name, seed): 6 for p in board.problems.problems() for seed in board.methods.SEEDS}


def test_answers_are_scored_by_problem_and_refusals_counted(board: Any, valley: Any) -> None:
    def search(problem: str, seed: int, lr: float | None) -> Any:
        return board.methods.Search(problem, seed, "ours", lr, 900, 2.0, lr and (lr / 2, lr * 2), "high", 0.3)

    searches = [search("a", 0, 0.1), search("a", 1, None), search("b", 0, 0.01), search("b", 1, 1.0)]
    truths = {"a": valley, "b": valley}
    found = board.score.score(searches, truths)
    assert found.regret == pytest.approx((0 + (0.5 + 1) / 2) / 2)
    assert (found.answered, found.asked, found.worst, found.steps) == (3, 4, pytest.approx(1.0), 900)
    covered = board.score.coverage(searches, truths)
    assert covered.best == pytest.approx(0.5)
    assert covered.width == pytest.approx(np.log10(4))
    problems = [SimpleNamespace(name=name, half="tuning") for name in "ab"]
    printed = board.tables.report(problems, truths, searches)
    assert "| ours | 37.5 (0.0 – 75.0) | 100 |" in printed
    assert "| ours | high | 4 | 1 | 50.0 | 100.0 | 30.0 | 1 |" in printed
    doubted = replace(searches[2], confidence="low", note="find.doubt.noise, find.doubt.far")
    assert "| ours | find.doubt.far | 1 | 50.0 | 50.0 | b |" in board.tables.report(problems, truths, [doubted])


def test_all_methods_name_a_learning_rate(board: Any) -> None:
    problem = next(p for p in board.problems.problems() if p.name == "digits-mlp")
    for method in board.methods.METHODS[1:]:  # the first is the second with another judge
        search = method(problem, 7)
        assert search.lr is not None
        assert board.truth.load(problem).regret(search.lr) < 0.2
        assert search.steps <= 1000
