from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from etude.analysis.options import SweepOptions
from etude.analysis.race.effective import LEVELS, SMALLEST, bands, drift, spread
from etude.analysis.race.tuned import TunedArm, tune
from etude.analysis.table import SweepTable
from etude.core.trace import Trace

STEPS = np.array([0.0, 10.0, 20.0])


def measured(trace: Trace, scale: float, growth: float) -> Trace:
    """The trace with quantiles that are ``scale`` times 1, 2, 4, 8, 16 at first and move by ``growth``."""
    at = scale * growth ** np.array([np.nan, 0.0, 1.0])
    columns = {f"effective_lr/{level}": at * 2.0**k for k, level in enumerate(LEVELS)}
    return replace(trace, evaluations={"step": STEPS} | columns)


@pytest.fixture
def arm(make_table: Callable[..., SweepTable]) -> TunedArm:
    """Three seeds whose quantiles grow by 2, 3 and 4.5."""
    octaves = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    losses = 0.4 + 0.05 * octaves[:, None] ** 2 * np.ones((1, 3))
    tables = {name: make_table(octaves, losses) for name in ("a", "b")}
    own = tune(tables, "validation_loss", SweepOptions(resamples=1))[0]
    cells = tuple(
        tuple(measured(cell, 1.0 + j, [2.0, 3.0, 4.5][j]) for j, cell in enumerate(row) if cell is not None)
        for row in own.table.cells
    )
    return replace(own, table=SweepTable(own.table.lrs, own.table.seeds, cells))


def test_the_spread_is_the_ratio_of_the_outer_percentiles(arm: TunedArm) -> None:
    found = bands(arm, "effective_lr")
    assert found is not None
    assert found.steps.tolist() == [10, 20]
    assert spread(found, 0.95).value == pytest.approx(16)
    assert spread(found, 0.95).interval == pytest.approx((16, 16))
    assert spread(found, 0.95, "q25", "q75").value == pytest.approx(4)


def test_the_drift_is_a_geometric_mean_with_students_interval(arm: TunedArm) -> None:
    found = bands(arm, "effective_lr")
    assert found is not None
    logs = np.log([2.0, 3.0, 4.5])
    half = t.ppf(0.975, 2) * logs.std(ddof=1) / np.sqrt(3)
    ratio = drift(found, 0.95)
    assert ratio.value == pytest.approx(3)
    assert ratio.interval == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)))
    np.testing.assert_allclose(found.typical[0], 6 ** (1 / 3) * 2.0 ** np.arange(5))


def test_what_was_not_measured_has_no_bands(arm: TunedArm) -> None:
    assert bands(arm, "second_moment") is None


def test_a_quantile_that_is_no_number_gives_no_bands(arm: TunedArm) -> None:
    row = arm.table.cells[arm.optimum.index]
    assert row[0] is not None
    row[0].evaluations["effective_lr/q05"][-1] = np.nan
    assert bands(arm, "effective_lr") is None


def test_a_quantile_of_zero_counts_as_the_smallest_number(arm: TunedArm) -> None:
    for cell in arm.table.cells[arm.optimum.index]:
        assert cell is not None
        cell.evaluations["effective_lr/q05"][:] = 0.0
    found = bands(arm, "effective_lr")
    assert found is not None
    assert found.typical[:, 0] == pytest.approx(SMALLEST)
