"""Findings by depth, on tables of which the answer is known."""

import numpy as np
import pytest

from etude.analysis.gradients.depth import DeepSweep, depth_finding, map_finding, profile, reached, slope_finding
from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.trace import Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say

OPTIONS, LRS = SweepOptions(), (0.01, 0.1)


def trace(start: float, end: float, slope: float = 0.0) -> Trace:
    columns = {"step": [0.0, 9.0], "train_loss": [start, end], "delta_slope": [slope, 0.0]}
    columns |= {f"activation_rms/{layer}": [1.0, 1.0] for layer in "abcd"}
    arrays = {name: np.array(column) for name, column in columns.items()}
    return Trace("x", Outcome(Ending.COMPLETED, 9), {"loss": np.zeros(9)}, arrays, {"train_loss": end})


def sweep(init: str | float, depth: int, ends: tuple[float, float], slopes: tuple[float, ...] = (0, 0, 0)) -> DeepSweep:
    """Two learning rates, three seeds; the loss before training is 2.3."""
    cells = tuple(tuple(trace(2.3, end, slope) for slope in slopes) for end in ends)
    table = SweepTable(np.array(LRS), np.arange(3), cells)
    return DeepSweep("relu", depth, init, str(init), table)


def said(found: Finding) -> Finding:
    """The finding, whose sentences can be said in every language."""
    for language in LANGUAGES:
        assert say(found.question, language)
        assert say(found.statement, language)
    return found


def test_a_network_has_come_as_far_as_its_share_of_the_best_descent() -> None:
    shares = reached([sweep("he", 2, (0.3, 1.3)), sweep("default", 2, (2.3, 2.4))])
    np.testing.assert_allclose(shares[0], [1.0, 0.5])
    np.testing.assert_allclose(shares[1], [0.0, 0.0])


def test_the_default_stops_between_the_deepest_that_trains_and_the_next() -> None:
    nets = [sweep("default", d, (2.3, end)) for d, end in ((2, 0.3), (4, 1.0), (8, 2.2), (16, 2.3))]
    nets += [sweep("he", d, (0.3, 2.3)) for d in (2, 4, 8, 16)]
    nets += [sweep("xavier", d, (end, 2.3)) for d, end in ((2, 0.3), (16, 2.3))]
    found = said(depth_finding(nets, "relu"))
    assert found.verdict is Verdict.REFUTED
    assert (found.estimate, found.interval) == (4.0, (4.0, 8.0))
    assert found.statement.values["others"] == "he"


def test_a_default_that_always_trains_is_supported_and_one_that_never_does_refuted() -> None:
    he = sweep("he", 4, (0.3, 0.3))
    assert said(depth_finding([sweep("default", 4, (0.3, 2.3)), he], "relu")).verdict is Verdict.SUPPORTED
    found = said(depth_finding([sweep("default", 4, (2.3, 2.3)), he], "relu"))
    assert (found.verdict, found.estimate) == (Verdict.REFUTED, None)


def test_the_map_names_the_scale_that_most_learning_rates_train() -> None:
    scales = [(0.7, (2.3, 2.3)), (1.0, (2.3, 0.5)), (1.41, (0.3, 0.3)), (2.0, (0.4, 2.3))]
    found = said(map_finding([sweep(scale, 8, ends) for scale, ends in scales]))
    assert found.verdict is Verdict.SUPPORTED
    assert (found.estimate, found.interval) == (1.41, (1.0, 2.0))
    elsewhere = [*scales[:2], (1.41, (2.3, 0.5)), (2.0, (2.3, 0.5)), (2.83, (0.3, 0.3))]
    assert said(map_finding([sweep(scale, 8, ends) for scale, ends in elsewhere])).verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("slopes", "verdict"),
    [
        ((0.38, 0.39, 0.40), Verdict.SUPPORTED),
        ((0.19, 0.20, 0.21), Verdict.REFUTED),
        ((0.30, 0.39, 0.48), Verdict.INCONCLUSIVE),
    ],
)
def test_theory_is_held_against_the_measured_slope(slopes: tuple[float, ...], verdict: Verdict) -> None:
    found = said(slope_finding([sweep("default", 3, (2.3, 2.3), slopes)], 48, OPTIONS))
    assert found.verdict is verdict
    assert found.details["relu, default"]["theory"] == pytest.approx(np.log10(6) / 2)  # type: ignore[index, call-overload]


def test_stored_layers_come_back_in_their_order() -> None:
    names = [f"delta_rms/{k}" for k in (1, 11, 13, 3, 9)]
    arrays = {"step": np.zeros(1)} | {name: np.full(1, float(name.split("/")[1])) for name in names}
    table = SweepTable(np.ones(1), np.arange(1), ((Trace("x", Outcome(Ending.COMPLETED, 9), {}, arrays, {}),),))
    layers, values = profile(table, "delta_rms")
    assert layers == ("1", "3", "9", "11", "13")
    assert values[:, 0].tolist() == [1, 3, 9, 11, 13]
