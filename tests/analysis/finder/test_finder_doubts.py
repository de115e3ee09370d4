"""What speaks against an answer: each reason alone, and none without cause."""

import pytest

from etude.analysis.finder.doubts import FAR, MANY_PASSES, NEAR_EDGE, NOISY, doubts
from etude.analysis.finder.runs import Best

STEPS = 70
BEST = Best(0.1, 0.05, 0.2, spread=0.1, descent=-2.0, error=0.01, inside=True)
CLEAN = {"noise": 0.01, "lr": 0.1, "beyond": 1.0, "steps": STEPS, "horizon": 300, "epoch": 40, "judged": False}


@pytest.mark.parametrize(
    ("cause", "limit", "key"),
    [
        ({"noise": 2.0 * NOISY}, {}, "noise"),
        ({"beyond": 0.1 * NEAR_EDGE}, {}, "edge"),
        ({"epoch": 300 // MANY_PASSES}, {"epoch": 300 // MANY_PASSES + 1}, "few.training"),
        ({"epoch": 300 // MANY_PASSES, "judged": True}, {"judged": True, "epoch": 40}, "few.evaluated"),
        ({"horizon": FAR * STEPS + 1, "epoch": None}, {"horizon": FAR * STEPS, "epoch": None}, "far"),
    ],
)
def test_each_cause_raises_its_own_doubt_and_no_other(cause: dict, limit: dict, key: str) -> None:
    shrunk = {name: value * (0.999 if name == "noise" else 1.001) for name, value in cause.items() if not limit}
    past = {name: value * (1.001 if name == "noise" else 0.999) for name, value in cause.items() if not limit}
    assert [doubt.key for doubt in doubts(BEST, **CLEAN | cause | past)] == [f"find.doubt.{key}"]
    assert doubts(BEST, **CLEAN | limit | shrunk) == ()


def test_runs_as_long_as_the_training_on_held_out_data_settle_what_few_examples_do() -> None:
    few = CLEAN | {"epoch": 5, "judged": True}
    assert doubts(BEST, **few) != ()
    assert doubts(BEST, **few | {"steps": 300}) == ()
    assert doubts(BEST, **few | {"steps": 300, "judged": False}) != ()


def test_no_known_edge_and_no_known_pass_raise_no_doubt() -> None:
    assert doubts(BEST, **CLEAN | {"beyond": None, "epoch": None}) == ()
