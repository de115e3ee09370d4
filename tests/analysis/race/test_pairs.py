from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ttest_rel

from etude.analysis.race.pairs import compare, correct, holm, paired_probability
from etude.analysis.race.tuned import TunedArm, tune
from etude.analysis.table import SweepTable

Race = Callable[..., list[TunedArm]]
Make = Callable[..., SweepTable]


@given(st.integers(2, 9), st.integers(0, 10**6))
def test_without_slack_it_is_the_paired_test_of_scipy(seeds: int, seed: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, seeds))
    assert paired_probability(a - b) == pytest.approx(ttest_rel(a, b).pvalue, rel=1e-9)


def test_holm_as_by_hand() -> None:
    # 4·0.005 = 0.02, 3·0.01 = 0.03, 2·0.03 = 0.06, then 0.04 must not be smaller than 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_false_discovery_control_and_bonferroni(p: list[float]) -> None:
    corrected = np.asarray(holm(p))
    assert (corrected <= np.minimum(1, len(p) * np.asarray(p)) + 1e-12).all()
    assert (corrected >= false_discovery_control(p) - 1e-12).all()


def test_a_difference_is_read_off_the_tuned_losses(race: Race) -> None:
    a, b = race([0.4, 0.5], 5, np.random.default_rng(1))
    (pair,) = compare([b, a])
    assert (pair.first, pair.second) == ("arm0", "arm1")
    assert pair.difference == pytest.approx(float((b.tuned - a.tuned).mean()))
    assert pair.resolved
    assert pair.interval[0] > 0.05
    assert pair.interval[1] < 0.15
    p = [ttest_rel(getattr(a, way), getattr(b, way)).pvalue for way in ("tuned", "held_out")]
    (bare,) = compare([replace(a, slack=0.0), replace(b, slack=0.0)])
    assert bare.p == pytest.approx(max(p))


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_resolve_nothing(seeds: int, race: Race) -> None:
    assert not any(pair.resolved for pair in compare(race([0.4, 1.4], seeds, np.random.default_rng(0))))


def test_a_loser_whose_best_is_at_the_end_of_its_grid_has_not_lost(race: Race, make_table: Make) -> None:
    a, b = race([0.4, 0.6], 5, np.random.default_rng(0))
    assert compare([a, b])[0].resolved
    assert not compare([a, replace(b, slack=np.inf)])[0].resolved
    assert compare([replace(a, slack=np.inf), b])[0].resolved


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 50))
def test_relabelling_arms_permutes_the_results(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    held = rng.normal(0.4, 0.01, (4, 5)) + np.arange(4)[:, None] * 0.02
    arms = [TunedArm(f"arm{k}", None, "", None, row, row, row, 0.001, None) for k, row in enumerate(held)]  # type: ignore[arg-type]
    known = {(pair.first, pair.second): pair for pair in compare(arms)}
    for pair in compare([arms[k] for k in order]):
        other = known[pair.first, pair.second]
        assert (pair.difference, pair.p, pair.corrected, pair.resolved) == pytest.approx(
            (other.difference, other.p, other.corrected, other.resolved)
        )


@given(st.integers(3, 8), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_identical_arms_are_never_resolved(seeds: int, seed: int) -> None:
    row = np.random.default_rng(seed).normal(size=seeds)
    arms = [TunedArm(name, None, "", None, row, row, row, 0.0, None) for name in "abc"]  # type: ignore[arg-type]
    assert [(pair.p, pair.resolved) for pair in compare(arms)] == [(1.0, False)] * 3


def test_a_larger_family_resolves_less(race: Race) -> None:
    pairs = compare(race([0.4, 0.41, 0.415], 5, np.random.default_rng(3)))
    twice = correct([*pairs, *pairs])
    assert all(b.corrected >= a.corrected for a, b in zip(pairs, twice, strict=False))


def lopsided(rng: np.random.Generator, levels: np.ndarray, spacing: float, make_table: Make) -> SweepTable:
    """Another kind of valley than the rule was chosen on: lopsided, heavy-tailed, with a cliff where seeds diverge."""
    x = np.arange(-5, 4, spacing) + rng.uniform(0, spacing)
    curve = np.exp(rng.uniform(np.log(0.01), np.log(0.06)))
    d = x[:, None] - rng.normal(0, 0.15, len(levels))
    rise = np.where(d < 0, curve * d**2 / (1 + 0.12 * np.abs(d)), 1.4 * curve * d**2 * (1 + 0.3 * np.abs(d)))
    losses = np.minimum(0.5 + rise + levels + 0.005 * rng.standard_t(3, d.shape), 2.3)
    cliff = rng.uniform(0.7, 2) + rng.normal(0, 0.1, len(levels))
    return make_table(x, np.where(d > cliff, np.nan, losses))


@pytest.mark.parametrize(("seeds", "spacing"), [(3, 0.5), (5, 1.0)])
def test_races_without_a_difference_seldom_show_one(
    seeds: int, spacing: float, make_table: Make, quick: object
) -> None:
    rng, wrong, races = np.random.default_rng(7), 0, 60
    for _ in range(races):
        levels = rng.normal(0, 0.02, seeds)
        arms = {str(k): lopsided(rng, levels, spacing, make_table) for k in range(6)}
        wrong += any(pair.resolved for pair in compare(tune(arms, "validation_loss", quick)))  # type: ignore[arg-type]
    assert wrong <= 6  # of 60: beyond this with probability 0.03 at a true rate of 5 %


def test_a_difference_of_three_standard_deviations_is_found(race: Race) -> None:
    rng = np.random.default_rng(8)
    found = [pair.resolved for _ in range(15) for pair in compare(race([0.4, 0.43, 0.46], 5, rng))]
    assert np.mean(found) > 0.9
