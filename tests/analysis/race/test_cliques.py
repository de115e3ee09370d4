from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from etude.analysis.race.cliques import cliques
from etude.analysis.race.pairs import Pair


def pairs(names: list[str], apart: set[frozenset[str]]) -> list[Pair]:
    return [Pair(a, b, 1.0, (0.0, 2.0), 0.5, 0.5, frozenset((a, b)) in apart) for a, b in combinations(names, 2)]


def test_the_example_of_demsar() -> None:
    """Section 3.2.2: mean ranks on 14 data sets; at α = 0.10 the critical difference of Nemenyi's test is 1.12."""
    ranks = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}
    apart = {frozenset(p) for p in combinations(ranks, 2) if abs(ranks[p[0]] - ranks[p[1]]) > 1.12}
    assert apart == {frozenset(("C4.5", "C4.5+m")), frozenset(("C4.5", "C4.5+m+cf"))}
    assert cliques(ranks, pairs(list(ranks), apart)) == [("C4.5+m+cf", "C4.5+m", "C4.5+cf"), ("C4.5+cf", "C4.5")]


def test_a_group_may_leave_out_an_arm_in_between() -> None:
    means = {"a": 1.0, "b": 2.0, "c": 3.0}
    apart = {frozenset("ab"), frozenset("bc")}
    assert cliques(means, pairs(list(means), apart)) == [("a", "c")]


@given(st.integers(2, 7), st.data())
def test_groups_are_exactly_the_maximal_sets_without_a_resolved_pair(arms: int, data: st.DataObject) -> None:
    names = [f"arm{k}" for k in range(arms)]
    every = [frozenset(p) for p in combinations(names, 2)]
    apart = set(data.draw(st.lists(st.sampled_from(every), max_size=len(every))))
    sets = [
        set(group)
        for size in range(2, arms + 1)
        for group in combinations(names, size)
        if not any(frozenset(p) in apart for p in combinations(group, 2))
    ]
    maximal = {frozenset(group) for group in sets if not any(group < other for other in sets)}
    found = cliques({name: float(k) for k, name in enumerate(names)}, pairs(names, apart))
    assert len(found) == len(set(found))
    assert {frozenset(group) for group in found} == maximal
