"""What update ratios say, on tables whose ratios are known."""

import numpy as np
import pytest

from etude.analysis.options import SweepOptions
from etude.analysis.reading import read_sweep
from etude.analysis.table import SweepTable
from etude.analysis.updates.ratios import (
    layer_ratios,
    layers_of,
    ratio_finding,
    readings,
    rules_finding,
    tells_finding,
    typical,
)
from etude.core.finding import Finding, Verdict
from etude.core.trace import Ending, Outcome, Trace
from etude.report.catalogue import LANGUAGES, say

SIZES = {f"weight_size/{place}q50": np.ones(2) for place in ("", "a/", "b/")}


def trace(ratio_a: float, ratio_b: float, size: float = 1.0) -> Trace:
    """The first half of the steps has ratios a hundred times as large."""
    columns = {
        f"update_ratio/{layer}": np.array([100.0 * r] * 4 + [r] * 4) for layer, r in (("a", ratio_a), ("b", ratio_b))
    }
    sizes = {f"update_size/{q}": np.full(2, size * f) for q, f in (("q05", 0.1), ("q50", 1.0), ("q95", 10.0))}
    return Trace("x", Outcome(Ending.COMPLETED, 8), columns, {"step": np.array([0.0, 8.0])} | SIZES | sizes, {})


def table(rows: list[list[Trace]], lrs: list[float]) -> SweepTable:
    return SweepTable(np.array(lrs), np.arange(len(rows[0])), tuple(tuple(row) for row in rows))


def test_a_typical_ratio_is_that_of_the_second_half() -> None:
    own = table([[trace(1e-3, 2e-3), trace(4e-3, 2e-3)]], [0.1])
    assert layers_of(own) == ("a", "b")
    np.testing.assert_allclose(typical(own, "update_ratio/a"), [[1e-3, 4e-3]])
    a, b = layer_ratios(own, 0, 0.95)
    assert a.mean == pytest.approx(2e-3)
    assert b.interval == pytest.approx((2e-3, 2e-3))


def test_readings_tell_where_every_layer_lies_outside_the_good_range() -> None:
    low, good, high = [[trace(f * 1e-3, f * 3e-3), trace(f * 1e-3, f * 2e-3)] for f in (0.5, 1.0, 10.0)]
    own = table([low, good, high], [0.01, 0.1, 1.0])
    below, above = (readings(own, (0.1, 0.1), side) for side in ("low", "high"))
    assert below.good == (1e-3, 3e-3)
    # Half of the layers' readings at the low learning rate lie below a thousandth, those of b lie inside (1.5 and 1).
    np.testing.assert_allclose(below.per_seed, [0.5, 0.5])
    np.testing.assert_allclose(above.per_seed, [1.0, 1.0])


def test_rules_are_compared_by_the_median_of_their_updates() -> None:
    tables = {
        name: table([[trace(1, 1, size), trace(1, 1, size)]] * 2, [1e-3, 1e-2])
        for name, size in (("A", 1e-3), ("S", 1e-5))
    }
    found = said(rules_finding(tables, 1e-3, SweepOptions()))
    assert found.verdict is Verdict.SUPPORTED
    assert found.estimate == pytest.approx(100)
    assert found.statement.values["most"] == "A"
    assert found.details["spread"]["A"] == pytest.approx(100)  # type: ignore[index, call-overload]


def valley(ratios: list[list[float]]) -> SweepTable:
    """Thirteen learning rates with the best in the middle; both layers of every seed have these ratios."""
    rows = []
    for x, own in zip(range(-6, 7), ratios, strict=True):
        row = []
        for seed, ratio in enumerate(own):
            loss = 0.1 + 0.1 * abs(x) + 0.001 * seed
            plain = trace(ratio, ratio)
            evaluations = plain.evaluations | {"train_loss": np.array([2.3, loss])}
            row.append(
                Trace("x", plain.outcome, plain.per_step | {"loss": np.ones(8)}, evaluations, {"train_loss": loss})
            )
        rows.append(row)
    return table(rows, [10.0**x for x in range(-6, 7)])


def said(found: Finding) -> Finding:
    for language in LANGUAGES:
        assert say(found.question, language)
        assert say(found.statement, language)
    return found


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        ([1e-3, 1.1e-3, 0.9e-3], Verdict.SUPPORTED),
        ([1e-2, 1.1e-2, 0.9e-2], Verdict.REFUTED),
        ([1e-3, 1e-2, 1e-4], Verdict.INCONCLUSIVE),
    ],
)
def test_a_thousandth_is_held_against_the_ratio_at_the_best_learning_rate(best: list[float], verdict: Verdict) -> None:
    own = valley([[1.0] * 3] * 6 + [best] + [[1.0] * 3] * 6)
    found = said(ratio_finding(own, read_sweep(own, "train_loss", SweepOptions()), SweepOptions()))
    assert found.verdict is verdict
    if verdict is not Verdict.INCONCLUSIVE:
        assert found.estimate == pytest.approx(np.exp(np.log(best).mean()))


@pytest.mark.parametrize(
    ("low", "verdict"),
    [
        ([[1e-6] * 3] * 6, Verdict.SUPPORTED),
        ([[1e-3] * 3] * 6, Verdict.REFUTED),
        ([[1e-6] * 3] * 4 + [[1e-3] * 3] * 2, Verdict.INCONCLUSIVE),
    ],
)
def test_ratios_beyond_the_basin_tell_or_do_not(low: list[list[float]], verdict: Verdict) -> None:
    good = [[1e-3] * 3]
    mirrored = [[1e-3 * 1e-3 / ratio for ratio in row] for row in low]
    own = valley(low + good + mirrored)
    reading = read_sweep(own, "train_loss", SweepOptions())
    for side in ("low", "high"):
        assert said(tells_finding(own, reading, side, SweepOptions())).verdict is verdict


def test_of_updates_with_zeros_among_them_only_the_medians_are_compared() -> None:
    def dead(size: float) -> Trace:
        own = trace(1, 1, size)
        own.evaluations["update_size/q05"][0] = 0.0
        return own

    tables = {name: table([[dead(size), dead(size)]], [1e-3]) for name, size in (("A", 1e-3), ("S", 1e-5))}
    found = said(rules_finding(tables, 1e-3, SweepOptions()))
    assert found.estimate == pytest.approx(100)
    assert "even" not in found.statement.values
    lone = {name: table([[dead(1.0)]], [1e-3]) for name in ("A", "S")}
    assert said(rules_finding(lone, 1e-3, SweepOptions())).verdict is Verdict.INCONCLUSIVE
