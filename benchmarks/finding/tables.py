"""The scoreboard as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from finding.methods import Search
from finding.problems import HALVES, Half, Problem
from finding.score import Score, coverage, score
from finding.truth import Truth


def report(problems: Sequence[Problem], truths: Mapping[str, Truth], searches: Sequence[Search]) -> str:
    """All tables of the halves that have searches."""
    parts = []
    for half in HALVES:
        names = {p.name for p in problems if p.half == half}
        mine = [s for s in searches if s.problem in names]
        if mine:
            parts += [_title(half, mine), _methods(mine, truths), _intervals(mine, truths), _confidences(mine, truths)]
            parts += [_doubts(mine, truths), _problems(mine, truths)]
    return "\n\n".join(parts)


def _title(half: Half, searches: Sequence[Search]) -> str:
    count = len({s.problem for s in searches})
    return f"### {half.capitalize()}: {count} problems, {len({s.seed for s in searches})} searches each"


def _methods(searches: Sequence[Search], truths: Mapping[str, Truth]) -> str:
    head = (
        "method",
        "mean regret, %",
        "largest",
        "accuracy lost",
        "largest",
        "decades off",
        "no answer",
        "steps",
        "CPU s",
    )
    scores = sorted((score(own, truths) for own in _by_method(searches) if any(s.lr for s in own)), key=_regret)
    return _table(head, (_score_row(s) for s in scores))


def _score_row(s: Score) -> list[str]:
    low, high = s.between
    return [
        s.method,
        f"{100 * s.regret:.1f} ({100 * low:.1f} – {100 * high:.1f})",
        f"{100 * s.worst:.0f}",
        f"{s.points:.1f}",
        f"{s.worst_points:.1f}",
        f"{s.decades:.2f}",
        f"{s.asked - s.answered} of {s.asked}",
        f"{s.steps:.0f}",
        f"{s.seconds:.1f}",
    ]


def _regret(s: Score) -> float:
    return s.regret


def _intervals(searches: Sequence[Search], truths: Mapping[str, Truth]) -> str:
    head = ("interval of", "holds the best η", "meets the truth's own interval", "decades wide", "answers")
    rows = []
    for own in _by_method(searches):
        found = coverage(own, truths)
        if found is not None:
            low, high = found.between
            share = f"{100 * found.best:.0f} % ({100 * low:.0f} – {100 * high:.0f})"
            meets = f"{100 * found.compatible:.0f} %"
            rows.append([found.method, share, meets, f"{found.width:.2f}", str(found.answered)])
    return _table(head, rows)


def _confidences(searches: Sequence[Search], truths: Mapping[str, Truth]) -> str:
    """What answers of each confidence lose, beside what they expect to lose, and how often their interval holds the best."""
    head = (
        "confidence of",
        "said",
        "answers",
        "lose less than 2 %",
        "mean regret, %",
        "largest",
        "expected",
        "holds the best η",
    )
    rows = []
    for own in _by_method(searches):
        for word in ("high", "low"):
            said = [s for s in own if s.confidence == word]
            if said:
                rows.append([own[0].method, word, *_confidence_row(said, truths)])
    return _table(head, rows)


def _confidence_row(said: Sequence[Search], truths: Mapping[str, Truth]) -> list[str]:
    lost = np.array([100 * truths[s.problem].regret(s.lr) for s in said if s.lr is not None])
    expected = np.array([100 * s.expected for s in said if s.expected is not None])
    held = [s.interval[0] <= truths[s.problem].best <= s.interval[1] for s in said if s.interval is not None]
    return [
        str(len(said)),
        str(int((lost < 2).sum())),
        f"{lost.mean():.1f}",
        f"{lost.max():.1f}",
        f"{expected.mean():.1f}",
        str(sum(held)),
    ]


def _doubts(searches: Sequence[Search], truths: Mapping[str, Truth]) -> str:
    """What answers lose that each doubt was said of; an answer may have several."""
    head = ("doubt about", "doubt", "answers", "smallest regret, %", "largest", "problems")
    rows = []
    for own in _by_method(searches):
        doubted = [s for s in own if s.confidence == "low" and s.note]
        for doubt in sorted({key for s in doubted for key in str(s.note).split(", ")}):
            said = [s for s in doubted if doubt in str(s.note).split(", ")]
            lost = [100 * truths[s.problem].regret(s.lr) for s in said if s.lr is not None]
            names = ", ".join(dict.fromkeys(s.problem for s in said))
            rows.append([own[0].method, doubt, str(len(said)), f"{min(lost):.1f}", f"{max(lost):.1f}", names])
    return _table(head, rows)


def _problems(searches: Sequence[Search], truths: Mapping[str, Truth]) -> str:
    """What each method names for each problem: regret in %, largest of the seeds."""
    methods = [own[0].method for own in _by_method(searches)]
    rows = []
    for name in dict.fromkeys(s.problem for s in searches):
        truth = truths[name]
        low, high = truth.uncertain
        row = [name, f"{truth.best:.2g} ({low:.2g} – {high:.2g})"]
        for method in methods:
            lost = [
                truth.regret(s.lr) for s in searches if s.problem == name and s.method == method and s.lr is not None
            ]
            row.append(f"{100 * max(lost):.0f}" if lost else "–")
        rows.append(row)
    return _table(("largest regret, %", "best η", *methods), rows)


def _by_method(searches: Sequence[Search]) -> list[list[Search]]:
    names = dict.fromkeys(s.method for s in searches)
    return [[s for s in searches if s.method == name] for name in names]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
