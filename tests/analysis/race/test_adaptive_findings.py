"""Findings of a race of update rules, from races with a known truth."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from etude.analysis.options import SweepOptions
from etude.analysis.race.adaptive_findings import (
    drift_of_rates,
    spread_of_rates,
    usual_rates,
    widths_apart,
    without_tuning,
)
from etude.analysis.race.effective import LEVELS
from etude.analysis.race.reading import Race, read_race
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.report.catalogue import LANGUAGES, say

Make = Callable[..., SweepTable]
X = np.arange(-4.0, 5.0)


def bowl(centre: float, floor: float, seeds: int) -> np.ndarray:
    losses: np.ndarray = floor + 0.05 * (X[:, None] - centre) ** 2 * (1 + 0.1 * np.arange(seeds))
    return losses


def with_rates(table: SweepTable, spread: float, growth: float) -> SweepTable:
    """The table with effective rates whose outer percentiles are ``spread`` apart, and which move by ``growth``."""
    logs = np.linspace(-0.5, 0.5, 5) * np.log(spread)
    cells = []
    for row in table.cells:
        own = []
        for seed, cell in enumerate(row):
            assert cell is not None
            at = np.geomspace(1.0, growth * (1 + 0.02 * seed), len(cell.evaluations["step"]) - 1)
            at = np.concatenate([[np.nan], at])
            columns = {f"effective_lr/{level}": at * np.exp(k) for level, k in zip(LEVELS, logs, strict=True)}
            own.append(replace(cell, evaluations=cell.evaluations | columns))
        cells.append(tuple(own))
    return SweepTable(table.lrs, table.seeds, tuple(cells))


@pytest.fixture
def race(make_table: Make) -> Callable[[int], Race]:
    """``plain`` is best at η = 1; ``wide`` and ``narrow`` adapt, and are best at η = 2 and ½."""

    def build(seeds: int) -> Race:
        tables = {
            "plain": make_table(X, bowl(0, 0.40, seeds)),
            "wide": with_rates(make_table(X, bowl(1, 0.41, seeds)), 100.0, 3.0),
            "narrow": with_rates(make_table(X, bowl(-1, 0.42, seeds)), 10.0, 0.5),
        }
        return read_race(tables, "validation_loss", SweepOptions(resamples=10), 100, 32)

    return build


def told(finding: Finding) -> Finding:
    """The finding, once its sentences have been said in every language."""
    for language in LANGUAGES:
        assert say(finding.question, language)
        assert say(finding.statement, language)
    return finding


def test_the_most_and_the_least_forgiving_rule_are_named(make_table: Make) -> None:
    widths = {"wide": 0.01, "middle": 0.05, "narrow": 0.2}
    seeds = 1 + 0.02 * np.arange(5)
    tables = {name: make_table(X / 2, 0.4 + curve * (X[:, None] / 2) ** 2 * seeds) for name, curve in widths.items()}
    race = read_race(tables, "validation_loss", SweepOptions(resamples=200), 100, 32)
    found = told(widths_apart(race))
    assert found.estimate == 3
    values = found.statement.values
    assert (values["wide"], values["wins"], values["narrow"], values["losses"]) == ("wide", 2, "narrow", 2)
    # As good as the best is 2 % of its loss, or half a percent of the descent.
    allowed = max(0.02 * 0.4, 0.005 * (2.3 - 0.4))
    assert values["octaves"] == pytest.approx(2 * np.sqrt(allowed / 0.01), rel=0.1)


def test_alike_basins_are_not_told_apart(make_valley: Make) -> None:
    rng = np.random.default_rng(1)
    alike = {name: make_valley(rng, rng.normal(0, 0.02, 3)) for name in "abc"}
    found = told(widths_apart(read_race(alike, "validation_loss", SweepOptions(resamples=200), 100, 32)))
    assert (found.verdict, found.statement.key) == (Verdict.INCONCLUSIVE, "adaptive.widths.none")


def test_the_worst_default_is_named_with_an_interval_for_the_largest_of_all(race: Callable[[int], Race]) -> None:
    found = told(usual_rates(race(3), {"plain": 1.0, "wide": 1.0, "narrow": 2.0}))
    assert found.verdict is Verdict.SUPPORTED
    assert found.statement.values["name"] == "narrow"
    assert (found.statement.values["costly"], found.statement.values["known"]) == (2, 3)
    assert found.estimate == pytest.approx(0.05 * 4 * 1.1)
    assert found.interval is not None
    own = found.details["arms"]["narrow"]["interval"]  # type: ignore[index]
    assert found.interval[0] < own[0] < found.estimate < own[1] < found.interval[1]


def test_defaults_that_are_the_best_cost_nothing_that_can_be_said(race: Callable[[int], Race]) -> None:
    found = told(usual_rates(race(3), {"plain": 1.0, "wide": 2.0}))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.statement.key == "adaptive.usual.unresolved"
    assert told(usual_rates(race(3), {"plain": 1e6})).statement.key == "adaptive.usual.unknown"


def test_what_needs_no_tuning_is_held_against_the_best_tuned_rule(race: Callable[[int], Race]) -> None:
    found = told(without_tuning(race(3), {"wide": 1.0, "narrow": 1.0}))
    # At η = 1 both pay 0.05 for the octave, each above its own floor.
    assert found.statement.key == "adaptive.untuned.behind"
    assert found.statement.values["name"] == "wide"
    assert found.estimate == pytest.approx(0.01 + 0.05 * 1.1)
    assert found.statement.values["others"] == "narrow 0.475"
    assert told(without_tuning(race(3), {"plain": 1.0})).statement.key == "adaptive.untuned.level"
    assert told(without_tuning(race(3), {})).verdict is Verdict.INCONCLUSIVE


def test_the_widest_spread_is_named(race: Callable[[int], Race]) -> None:
    found = told(spread_of_rates(race(3), ("wide", "narrow")))
    assert found.estimate == pytest.approx(100)
    assert (found.statement.values["widest"], found.statement.values["narrowest"]) == ("wide", "narrow")
    assert found.statement.values["inner"] == pytest.approx(10)
    assert found.statement.values["least"] == pytest.approx(10)


def test_rates_that_rise_and_fall_are_counted(race: Callable[[int], Race]) -> None:
    found = told(drift_of_rates(race(3), ("plain", "wide", "narrow")))
    values = found.statement.values
    assert (values["measured"], values["rising"], values["falling"], values["rest"]) == (2, 1, 1, 0)
    assert values["furthest"] == "wide"
    assert found.estimate == pytest.approx(3.06, rel=1e-3)


def test_rates_that_were_not_measured_cannot_be_told(race: Callable[[int], Race]) -> None:
    for find in (spread_of_rates, drift_of_rates):
        found = told(find(race(3), ("plain",)))
        assert (found.verdict, found.estimate) == (Verdict.INCONCLUSIVE, None)
        assert found.statement.key == "adaptive.spread.unmeasured"


def test_two_seeds_carry_no_answer(race: Callable[[int], Race]) -> None:
    two = race(2)
    usual = {"plain": 4.0, "wide": 1.0}
    for found in (
        usual_rates(two, usual),
        without_tuning(two, usual),
        spread_of_rates(two, ("wide",)),
        drift_of_rates(two, ("wide",)),
    ):
        assert told(found).statement.key == "cannot_say.seeds"
        assert found.verdict is Verdict.INCONCLUSIVE
