"""The tables of the scoreboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, final

import numpy as np
from others import OTHERS

from etude.analysis.statistics import percentile_interval, resample_seeds, wilson_interval
from etude.core.trace import Array

RESAMPLES = 4000
Mix: TypeAlias = dict[str, float]
MIX: Mix = {"ok": 0.8, "low": 0.2 / 6, "high": 0.2 / 6, "other": 0.4 / 3}
"""A realistic mix of truths; the last stands for all that are not named."""
ALL: Mix = {"all": 1.0}
TRIVIAL = {"healthy": "ok", "too low": "low", "too high": "high"}
"""Answers that need no look at a run, and the truth at which they are right."""


@final
@dataclass(frozen=True)
class Score:
    """What was said of one run.

    Attributes:
        world: Task.
        kind: Sweep or planted fault.
        truth: ``ok``, ``low``, ``high``, or the planted fault.
        lr: Its learning rate.
        seed: Replicate.
        said: Our verdicts from the trace alone, the first one first.
        right: Whether the first of them is right.
        said_forked: Our verdicts with a fork test, where the run lived long enough for one.
        right_forked: Whether the first of them is right.
        others: Complaints of the other tools.
        healed: Whether our remedies brought it into the band of the best known result; ``None`` for healthy runs.
    """

    world: str
    kind: str
    truth: str
    lr: float
    seed: int
    said: list[str]
    right: bool
    said_forked: list[str]
    right_forked: bool
    others: dict[str, list[str]]
    healed: bool | None = None


Hit = Callable[[Score], bool]


def mistakes(scores: Sequence[Score]) -> str:
    """Runs whose first verdict is wrong, from the trace alone or with a fork test."""
    wrong = [s for s in scores if s.truth and not (s.right and s.right_forked)]
    lines = [
        f"{s.world:16} {s.kind:18} {s.seed:2} lr {s.lr:<9.3g} {s.truth:20} "
        f"{'right' if s.right else ','.join(s.said):36} forked: {'right' if s.right_forked else ','.join(s.said_forked)}"
        for s in sorted(wrong, key=lambda s: (s.truth, s.world, s.kind, s.seed, s.lr))
    ]
    return "\n".join(["Wrong first verdicts:", *lines])


def report(everything: Sequence[Score]) -> str:
    """The tables."""
    scores = [s for s in everything if s.truth]
    ok, worlds = [s for s in scores if s.truth == "ok"], {s.world for s in scores}
    lines = [
        f"{len(scores)} runs in {len(worlds)} worlds, {len({s.seed for s in scores})} seeds; {len(ok)} are healthy"
    ]
    lines.append(f"set aside, since their results do not bear out what they were meant to be: {_aside(everything)}")
    lines.append("in brackets 95 % intervals from resampled worlds, each with all of its runs")
    for name, forked in (("from the trace alone", False), ("with a fork test", True)):
        lines += ["", f"Diagnosis {name}:", *_rows([_with_fork(s) for s in scores] if forked else scores)]
    followed = [s for s in scores if s.healed is not None]
    lines += ["", _row("remedies that brought a sick run into the band", followed, _healed, "at least 80 %")]
    lines += [
        _row(f"  of runs that are {t}", [s for s in followed if s.truth == t], _healed, "") for t in ("low", "high")
    ]
    lines += ["", "Confusion, first verdicts from the trace alone:", *_confusion(scores)]
    lines += ["", "Confusion, first verdicts with a fork test:", *_confusion([_with_fork(s) for s in scores])]
    lines += ["", *_mixed(scores)]
    lines += ["", f"{'Other tools, same runs':24} false alarm   low→low  high→high  other→named  any complaint on sick"]
    lines += [_other_row(name, scores) for name in OTHERS]
    return "\n".join(lines)


def _mixed(scores: Sequence[Score]) -> list[str]:
    title = "Score at a realistic mix (80 % healthy; of the sick a third too low or too high, half each):"
    if not _counts(scores, _right, MIX)[1].sum(axis=0).all():
        return [title, "  cannot be said without runs that are healthy, too low, too high, and sick in other ways"]
    lines = [title]
    answers: dict[str, Hit] = {"from the trace alone": _right, "with a fork test": _right_forked}
    for name, right in answers.items():
        low, high = _interval(scores, right, MIX)
        lines.append(f"  {name:24} {_share(scores, right, MIX):.1%}  [{low:.1%}, {high:.1%}]")
    return [*lines, *(f"  {'always ' + fault:24} {MIX[truth]:.1%}" for fault, truth in TRIVIAL.items())]


def cluster_interval(hits: Array, runs: Array, weights: Array) -> tuple[float, float]:
    r"""95 % interval of a weighted sum of shares when runs of one world resemble each other.

    Worlds are drawn anew, each with all of its runs, and Σ_c w_c Σ_i h_ic / Σ_i n_ic is read at the percentiles that
    ``percentile_interval`` expands for few worlds. A bootstrap sees no spread where all worlds agree, so an interval for
    independent runs is the least that is given: Wilson's for one share, and for a sum the normal one with his variances.

    Args:
        hits: h, (worlds, classes).
        runs: n, the same.
        weights: w, (classes,).
    """
    there = runs.sum(axis=1) > 0
    hits, runs = hits[there], runs[there]
    total = runs.sum(axis=0)
    if not len(runs) or not total.all():
        return float("nan"), float("nan")
    plain = float(weights @ (hits.sum(axis=0) / total))
    ends = np.array([wilson_interval(int(h), int(n)) for h, n in zip(hits.sum(axis=0), total, strict=True)])
    shares = hits.sum(axis=0) / total
    least = np.hypot.reduce(weights[:, None] * (ends - shares[:, None]), axis=0)
    counts = resample_seeds(len(runs), RESAMPLES).astype(float)
    drawn = counts @ runs
    sums = np.where(drawn > 0, counts @ hits / np.maximum(drawn, 1), shares) @ weights
    low, high = percentile_interval(sums, sums, len(runs))
    return max(0.0, min(low, plain - least[0])), min(float(weights.sum()), max(high, plain + least[1]))


def _aside(everything: Sequence[Score]) -> str:
    counts = Counter(s.kind for s in everything if not s.truth)
    return ", ".join(f"{kind} {n}" for kind, n in counts.most_common()) or "none"


def _rows(scores: Sequence[Score]) -> list[str]:
    def those(*truths: str) -> list[Score]:
        return [s for s in scores if s.truth in truths]

    others = [s for s in scores if s.truth not in ("ok", "low", "high")]
    return [
        _row("false alarms on healthy runs", those("ok"), lambda s: not s.right, "at most 3 %"),
        _row("too low: said so first", those("low"), _right, "at least 90 %"),
        _row("too high: said so first", those("high"), _right, "at least 85 %"),
        _row("other faults: said so first", others, _right, "at least 85 %"),
        _row("other faults: said so at all", others, _named, ""),
    ]


def _confusion(scores: Sequence[Score]) -> list[str]:
    truths = ["ok", "low", "high", *sorted({s.truth for s in scores} - {"ok", "low", "high"})]
    counts = {t: Counter(s.said[0] for s in scores if s.truth == t) for t in truths}
    return [f"  {t:40} " + ", ".join(f"{name} {n}" for name, n in counts[t].most_common()) for t in truths if counts[t]]


def _with_fork(score: Score) -> Score:
    return replace(score, said=score.said_forked, right=score.right_forked)


def _named(score: Score) -> bool:
    return bool(set(score.truth.split("/")) & set(score.said))


def _row(name: str, scores: Sequence[Score], hit: Hit, aim: str) -> str:
    if not scores:
        return f"{name:48} no runs"
    low, high = _interval(scores, hit, ALL)
    share, worlds = _share(scores, hit, ALL), len({s.world for s in scores})
    return f"{name:48} {share:6.1%}  [{low:.1%}, {high:.1%}]  of {len(scores):4} in {worlds:2} worlds  {aim}"


def _share(scores: Sequence[Score], hit: Hit, mix: Mix) -> float:
    hits, runs = _counts(scores, hit, mix)
    if not runs.sum(axis=0).all():
        return float("nan")
    return float(np.array(list(mix.values())) @ (hits.sum(axis=0) / runs.sum(axis=0)))


def _interval(scores: Sequence[Score], hit: Hit, mix: Mix) -> tuple[float, float]:
    return cluster_interval(*_counts(scores, hit, mix), np.array(list(mix.values())))


def _counts(scores: Sequence[Score], hit: Hit, mix: Mix) -> tuple[Array, Array]:
    """Hits and runs of each world and each class of a mix."""
    worlds, classes = sorted({s.world for s in scores}), list(mix)
    hits, runs = np.zeros((2, len(worlds), len(classes)))
    for s in scores:
        name = s.truth if s.truth in classes else classes[-1]
        place = worlds.index(s.world), classes.index(name)
        runs[place] += 1
        hits[place] += hit(s)
    return hits, runs


def _right(score: Score) -> bool:
    return score.right


def _right_forked(score: Score) -> bool:
    return score.right_forked


def _healed(score: Score) -> bool:
    return bool(score.healed)


def _other_row(name: str, scores: Sequence[Score]) -> str:
    def share(truth: Callable[[str], bool], hit: Callable[[Score], bool]) -> float:
        hits = [hit(s) for s in scores if truth(s.truth)]
        return float(np.mean(hits)) if hits else float("nan")

    def named(s: Score) -> bool:
        return bool(set(s.truth.split("/")) & set(s.others[name]))

    alarm = share(lambda t: t == "ok", lambda s: bool(s.others[name]))
    low = share(lambda t: t == "low", lambda s: "too_low" in s.others[name])
    high = share(lambda t: t == "high", lambda s: "too_high" in s.others[name])
    other = share(lambda t: t not in ("ok", "low", "high"), named)
    sick = share(lambda t: t != "ok", lambda s: bool(s.others[name]))
    return f"{name:24} {alarm:11.0%} {low:9.0%} {high:10.0%} {other:12.0%} {sick:22.0%}"
