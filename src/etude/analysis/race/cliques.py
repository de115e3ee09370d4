"""Groups of arms that the seeds do not tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etude.analysis.race.pairs import Pair


def cliques(means: Mapping[str, float], pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Maximal groups, of two arms or more, in which no pair is resolved; the bars of a critical-difference figure.

    A group may leave out an arm whose mean lies inside: not being told apart is no order.

    Args:
        means: Mean loss (or mean rank) per arm; arms of a group, and groups, are sorted by it.
        pairs: Comparisons of all arms.

    References:
        Demšar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7, §3.2.2 and figure 1.

    Example:
        >>> cliques({"a": 1.0, "b": 2.0, "c": 3.0}, [Pair("a", "c", 2.0, (1.0, 3.0), 0.01, 0.03, resolved=True)])
        [('a', 'b'), ('b', 'c')]
    """
    order = sorted(means, key=lambda name: means[name])
    place = {name: k for k, name in enumerate(order)}
    apart = {frozenset((pair.first, pair.second)) for pair in pairs if pair.resolved}
    alike = {
        name: {other for other in order if other != name and frozenset((name, other)) not in apart} for name in order
    }
    found = [tuple(sorted(group, key=place.__getitem__)) for group in _maximal(set(), set(order), set(), alike)]
    return sorted((group for group in found if len(group) > 1), key=lambda group: [place[name] for name in group])


def unbeaten(means: Mapping[str, float], pairs: Sequence[Pair]) -> list[str]:
    """The best arm and those that are not told from it, by their means.

    Example:
        >>> unbeaten({"a": 1.0, "b": 2.0, "c": 3.0}, [Pair("a", "c", 2.0, (1.0, 3.0), 0.01, 0.03, resolved=True)])
        ['a', 'b']
    """
    order = sorted(means, key=lambda name: means[name])
    beaten = {pair.second for pair in pairs if pair.resolved and pair.first == order[0]}
    return [name for name in order if name not in beaten]


def _maximal(group: set[str], more: set[str], seen: set[str], alike: Mapping[str, set[str]]) -> list[set[str]]:
    """Groups that contain ``group``, grow by ``more``, and have no member in ``seen`` (Bron & Kerbosch, 1973)."""
    if not more and not seen:
        return [group]
    found = []
    pivot = max(more | seen, key=lambda name: len(alike[name] & more))
    for name in sorted(more - alike[pivot]):
        found += _maximal(group | {name}, more & alike[name], seen & alike[name], alike)
        more, seen = more - {name}, seen | {name}
    return found
