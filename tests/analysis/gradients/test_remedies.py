"""Which remedy helps, on sweeps with a known answer."""

import numpy as np
import pytest

from etude.analysis.gradients.remedies import gains, remedy_finding, settled
from etude.analysis.gradients.through_time import time_finding
from etude.analysis.options import SweepOptions
from etude.analysis.race.reading import Race, read_race
from etude.analysis.table import SweepTable
from etude.core.finding import Verdict
from etude.core.trace import Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say

SEEDS = 4
SCATTER = np.array([-1.5, -0.5, 0.5, 1.5])
SHARED = np.array([0.3, -0.2, 0.1, -0.2])


def table(floor: float, scatter: float, slope: float = 0.0) -> SweepTable:
    """A parabola over five learning rates; seeds scatter by ``scatter`` on their own and alike in ``SHARED``."""
    rows = []
    for x in (-2.0, -1.0, 0.0, 1.0, 2.0):
        losses = floor + 0.1 * x**2 + 0.05 * SHARED + scatter * SCATTER
        rows.append(
            tuple(_trace(float(loss), slope + 0.01 * float(s)) for loss, s in zip(losses, SCATTER, strict=True))
        )
    return SweepTable(10.0 ** np.arange(-2, 3), np.arange(SEEDS), tuple(rows))


def _trace(loss: float, slope: float) -> Trace:
    columns = {"step": [0.0, 9.0], "train_loss": [10.0, loss], "hidden_gradient/slope": [slope, 0.0]}
    arrays = {name: np.array(column) for name, column in columns.items()}
    return Trace("x", Outcome(Ending.COMPLETED, 9), {"loss": np.zeros(9)}, arrays, {"train_loss": loss})


def race(**arms: SweepTable) -> Race:
    return settled(read_race(arms, "train_loss", SweepOptions(), 9, 1), "none")


def test_a_remedy_gains_what_its_floor_is_lower() -> None:
    found = {g.name: g for g in gains(race(none=table(2.0, 0), good=table(1.0, 0.01), bad=table(2.5, 0.01)), "none")}
    assert found["good"].gain == pytest.approx(1.0)
    assert found["good"].interval[0] > 0.9
    assert found["bad"].gain == pytest.approx(-0.5)
    assert found["good"].resolved


def test_a_gain_within_the_scatter_of_seeds_is_not_resolved() -> None:
    found = remedy_finding(race(none=table(2.0, 0), lucky=table(1.9, 0.5)), "exploding", "none")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.estimate is None
    assert found.statement.values["rest"] == "lucky"


def test_the_finding_names_the_best_remedy_and_those_that_do_nothing() -> None:
    arms = race(none=table(2.0, 0), some=table(1.5, 0.01), best=table(1.0, 0.01), harm=table(2.5, 0.01))
    found = remedy_finding(arms, "exploding", "none")
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate == pytest.approx(1.0)
    assert found.statement.values["best"] == "best"
    assert found.statement.values["helped"] == "best (1); some (1.5)"
    assert found.statement.values["rest"] == "harm"


def test_an_orthogonal_start_keeps_gradients_if_its_slope_is_resolved_from_the_default() -> None:
    tables = {"default": ("default", table(1, 0, -0.3)), "orthogonal": ("orthogonal", table(1, 0, -0.02))}
    found = time_finding(tables, SweepOptions())  # type: ignore[arg-type]
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate == pytest.approx(-0.3)
    assert found.statement.values["linear"] == pytest.approx(3**-0.5)
    alike = {"default": ("default", table(1, 0, -0.3)), "orthogonal": ("orthogonal", table(1, 0, -0.3))}
    assert time_finding(alike, SweepOptions()).verdict is Verdict.INCONCLUSIVE  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["exploding", "vanishing", "recurrent"])
def test_every_answer_can_be_said_in_every_language(part: str) -> None:
    base = {"none": table(2.0, 0)}
    for others in ({"a": table(1.5, 0.01), "b": table(1.9, 0.5)}, {"a": table(1.5, 0.01)}, {"b": table(1.9, 0.5)}):
        found = remedy_finding(race(**base, **others), part, "none")
        for language in LANGUAGES:
            assert say(found.question, language)
            assert say(found.statement, language)


def test_an_arm_that_never_learned_is_told_from_one_that_did() -> None:
    flat = table(9.99, 0)
    stuck = SweepTable(flat.lrs, flat.seeds, tuple(tuple(_trace(10.0, 0.0) for _ in row) for row in flat.cells))
    found = race(none=stuck, good=table(1.0, 0.01))
    assert found.pairs[0].resolved
    assert (
        not read_race({"none": stuck, "good": table(1.0, 0.01)}, "train_loss", SweepOptions(), 9, 1).pairs[0].resolved
    )
