"""The tables of the scoreboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from others import OTHERS

from etude.analysis.statistics import wilson_interval


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
    ok = [s for s in scores if s.truth == "ok"]
    lines = [f"{len(scores)} runs of {len({s.seed for s in scores})} seeds, {len(ok)} of them healthy"]
    lines.append(f"set aside, since their results do not bear out what they were meant to be: {_aside(everything)}")
    for name, forked in (("from the trace alone", False), ("with a fork test", True)):
        lines += ["", f"Diagnosis {name}:", *_rows([_with_fork(s) for s in scores] if forked else scores)]
    healed = [bool(s.healed) for s in scores if s.healed is not None]
    lines += ["", _row("remedies that brought a sick run into the band", healed, "at least 80 %")]
    lines += [
        _row(f"  of runs that are {t}", [bool(s.healed) for s in scores if s.healed is not None and s.truth == t], "")
        for t in ("low", "high")
    ]
    lines += ["", "Confusion, first verdicts from the trace alone:", *_confusion(scores)]
    lines += ["", "Confusion, first verdicts with a fork test:", *_confusion([_with_fork(s) for s in scores])]
    lines += ["", "Score at a realistic mix (80 % healthy; of the sick a third too low or too high, half each):"]
    lines.append(f"  {'from the trace alone':24} {_mix(scores, lambda s: s.right):.1%}")
    lines.append(f"  {'with a fork test':24} {_mix(scores, lambda s: s.right_forked):.1%}")
    lines.append(f"  {'always healthy':24} {_mix(scores, lambda s: s.truth == 'ok'):.1%}")
    lines.append(f"  {'always too low':24} {_mix(scores, lambda s: s.truth == 'low'):.1%}")
    lines.append(f"  {'always too high':24} {_mix(scores, lambda s: s.truth == 'high'):.1%}")
    lines += ["", f"{'Other tools, same runs':24} false alarm   low→low  high→high  other→named  any complaint on sick"]
    lines += [_other_row(name, scores) for name in OTHERS]
    return "\n".join(lines)


def _aside(everything: Sequence[Score]) -> str:
    counts = Counter(s.kind for s in everything if not s.truth)
    return ", ".join(f"{kind} {n}" for kind, n in counts.most_common()) or "none"


def _rows(scores: Sequence[Score]) -> list[str]:
    others = [s for s in scores if s.truth not in ("ok", "low", "high")]
    return [
        _row("false alarms on healthy runs", [not s.right for s in scores if s.truth == "ok"], "at most 3 %"),
        _row("too low: said so first", [s.right for s in scores if s.truth == "low"], "at least 90 %"),
        _row("too high: said so first", [s.right for s in scores if s.truth == "high"], "at least 85 %"),
        _row("other faults: said so first", [s.right for s in others], "at least 85 %"),
        _row("other faults: said so at all", [_named(s) for s in others], ""),
    ]


def _confusion(scores: Sequence[Score]) -> list[str]:
    truths = ["ok", "low", "high", *sorted({s.truth for s in scores} - {"ok", "low", "high"})]
    counts = {t: Counter(s.said[0] for s in scores if s.truth == t) for t in truths}
    return [f"  {t:40} " + ", ".join(f"{name} {n}" for name, n in counts[t].most_common()) for t in truths if counts[t]]


def _with_fork(score: Score) -> Score:
    return replace(score, said=score.said_forked, right=score.right_forked)


def _named(score: Score) -> bool:
    return bool(set(score.truth.split("/")) & set(score.said))


def _row(name: str, hits: Sequence[bool], aim: str) -> str:
    low, high = wilson_interval(sum(hits), len(hits))
    share = sum(hits) / len(hits) if hits else float("nan")
    return f"{name:48} {share:6.1%}  [{low:.1%}, {high:.1%}]  of {len(hits):4}  {aim}"


def _mix(scores: Sequence[Score], right: Callable[[Score], bool]) -> float:
    def mean(truths: Callable[[str], bool]) -> float:
        hits = [right(s) for s in scores if truths(s.truth)]
        return float(np.mean(hits)) if hits else float("nan")

    low, high = mean(lambda t: t == "low"), mean(lambda t: t == "high")
    other = mean(lambda t: t not in ("ok", "low", "high"))
    return 0.8 * mean(lambda t: t == "ok") + 0.2 * ((low + high) / 6 + 2 * other / 3)


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
