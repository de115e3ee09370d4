from collections.abc import Callable

import numpy as np
import pytest

from etude.analysis.options import SweepOptions
from etude.analysis.race.findings import race_findings
from etude.analysis.race.horizon_finding import horizon_finding
from etude.analysis.race.reading import Race, read_race
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.report.catalogue import LANGUAGES, say

Make = Callable[..., SweepTable]
OPTIONS = SweepOptions(objective="validation_loss", resamples=200)


def race_of(floors: dict[str, float], seeds: int, make_valley: Make, seed: int = 0, **of: float) -> Race:
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 0.01, seeds)
    tables = {name: make_valley(rng, levels, floor=floor, **of) for name, floor in floors.items()}
    return read_race(tables, "validation_loss", OPTIONS, steps=500, batch_size=32)


def by_name(race: Race) -> dict[str, Finding]:
    found = {finding.name: finding for finding in race_findings(race)}
    for finding in found.values():
        for language in LANGUAGES:
            assert say(finding.statement, language)
            assert say(finding.question, language)
    return found


def test_a_clear_race_has_a_winner_and_says_with_what_budget(make_valley: Make) -> None:
    race = race_of({"linear": 0.4, "cosine": 0.5, "constant": 0.7}, 5, make_valley)
    found = by_name(race)
    winner = found["race_winner"]
    assert winner.verdict is Verdict.SUPPORTED
    assert winner.statement.key == "race.winner.alone"
    assert "Best is linear" in say(winner.statement)
    assert "500 steps of 32 examples" in say(winner.statement)
    assert "3 comparisons of 3" in say(winner.statement)
    assert winner.estimate == pytest.approx(0.4, abs=0.02)
    assert winner.interval is not None
    assert winner.interval[0] < 0.4 < winner.interval[1]
    assert found["race_fair"].verdict is Verdict.SUPPORTED
    assert found["race_apart"].estimate == 3
    assert found["race_pace"].verdict is Verdict.SUPPORTED
    assert len(winner.runs) == sum(arm.table.ran.size for arm in race.arms)


def test_the_best_shares_its_place_with_what_the_seeds_do_not_tell_from_it(make_valley: Make) -> None:
    winner = by_name(race_of({"a": 0.4, "b": 0.401, "c": 0.6}, 3, make_valley))["race_winner"]
    assert winner.statement.key == "race.winner.tied"
    assert {winner.statement.values["best"], winner.statement.values["tied"]} == {"a", "b"}
    assert winner.statement.values["count"] == 1


def test_a_best_that_most_cannot_be_told_from_names_those_it_beats(make_valley: Make) -> None:
    winner = by_name(race_of({"a": 0.4, "b": 0.401, "c": 0.4, "d": 0.6}, 3, make_valley))["race_winner"]
    assert winner.statement.key == "race.winner.crowd"
    assert (winner.statement.values["beaten"], winner.statement.values["count"]) == ("d", 2)


def test_a_race_of_equals_cannot_say_who_wins(make_valley: Make) -> None:
    found = by_name(race_of({"a": 0.4, "b": 0.4, "c": 0.4}, 5, make_valley))
    for name in ("race_winner", "race_apart"):
        assert found[name].verdict is Verdict.INCONCLUSIVE
        assert found[name].estimate is None
        assert "Cannot say, because" in say(found[name].statement)


def test_two_seeds_are_too_few_for_anything_but_fairness(make_valley: Make) -> None:
    found = by_name(race_of({"a": 0.4, "b": 0.8}, 2, make_valley))
    assert {name for name, finding in found.items() if finding.verdict is not Verdict.INCONCLUSIVE} == {"race_fair"}
    assert found["race_winner"].statement.key == "cannot_say.seeds"


def test_a_best_at_the_end_of_its_grid_is_unfair_and_named(make_valley: Make, make_table: Make) -> None:
    rng = np.random.default_rng(0)
    x = np.arange(-3.0, 4.0)
    falling = 0.8 - 0.05 * x[:, None] + rng.normal(0, 0.002, (7, 5))
    tables = {"inside": make_valley(rng, np.zeros(5)), "falling": make_table(x, falling)}
    found = by_name(read_race(tables, "validation_loss", OPTIONS, 500, 32))
    assert found["race_fair"].verdict is Verdict.REFUTED
    assert found["race_fair"].statement.values["names"] == "falling"
    assert found["race_winner"].verdict is Verdict.INCONCLUSIVE


def test_a_race_in_which_everything_diverged_says_so(make_table: Make) -> None:
    tables = {name: make_table([0, 1, 2], np.full((3, 3), np.nan)) for name in "ab"}
    found = by_name(read_race(tables, "validation_loss", OPTIONS, 500, 32))
    assert all(f.verdict is Verdict.INCONCLUSIVE for name, f in found.items() if name != "race_fair")
    assert found["race_winner"].statement.key == "race.nothing"


def test_the_dearest_price_is_named_with_both_learning_rates(make_table: Make) -> None:
    rng, x = np.random.default_rng(0), np.arange(-4.0, 5.0)
    tables = {
        name: make_table(x, 0.4 + curve * (x[:, None] - at) ** 2 + rng.normal(0, 0.001, (9, 4)))
        for name, at, curve in (("steep", -2, 0.05), ("flat", 2, 0.01))
    }
    price = by_name(read_race(tables, "validation_loss", OPTIONS, 500, 32))["race_price"]
    assert price.verdict is Verdict.SUPPORTED
    assert price.estimate == pytest.approx(0.8, abs=0.01)
    assert (price.statement.values["user"], price.statement.values["owner"]) == ("steep", "flat")
    assert price.statement.values["lr"] == 4.0


@pytest.mark.parametrize(
    ("longer", "verdict", "key"),
    [
        ({"a": 0.3, "b": 0.35, "c": 0.4, "d": 0.5}, Verdict.SUPPORTED, "race.horizons.holds"),
        ({"a": 0.5, "b": 0.4, "c": 0.35, "d": 0.3}, Verdict.REFUTED, "race.horizons.changes"),
        ({"a": 0.4, "b": 0.4, "c": 0.4, "d": 0.4}, Verdict.INCONCLUSIVE, "race.horizons.unclear"),
    ],
)
def test_the_ranking_at_another_horizon(
    longer: dict[str, float], verdict: Verdict, key: str, make_valley: Make
) -> None:
    short = race_of({"a": 0.4, "b": 0.5, "c": 0.6, "d": 0.7}, 5, make_valley)
    finding = horizon_finding({500: short, 1000: race_of(longer, 5, make_valley, seed=5)}, OPTIONS)
    assert (finding.verdict, finding.statement.key) == (verdict, key)
    assert (finding.estimate is None) == (verdict is Verdict.INCONCLUSIVE)
    for language in LANGUAGES:
        assert "500" in say(finding.statement, language)


def test_two_arms_have_no_rank_correlation(make_valley: Make) -> None:
    races = {k: race_of({"a": 0.4, "b": 0.5}, 3, make_valley) for k in (500, 1000)}
    assert horizon_finding(races, OPTIONS).statement.key == "race.horizons.arms"
