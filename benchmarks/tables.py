"""The tables of the scoreboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        said: Our verdicts, the first one first.
        right: Whether our first verdict is right.
        others: Complaints of the other tools.
        healed: Whether our remedies brought it into the band of the best known result; ``None`` for healthy runs.
    """

    world: str
    kind: str
    truth: str
    lr: float
    said: list[str]
    right: bool
    others: dict[str, list[str]]
    healed: bool | None = None


def report(scores: Sequence[Score]) -> str:
    """The tables."""
    ok = [s for s in scores if s.truth == "ok"]
    lines = [f"{len(scores)} runs, {len(ok)} of them healthy", ""]
    lines += [_row("false alarms on healthy runs", [not s.right for s in ok], "at most 3 %")]
    for truth, aim in (("low", "at least 90 %"), ("high", "at least 85 %")):
        lines.append(_row(f"too {truth}: said so first", [s.right for s in scores if s.truth == truth], aim))
    others = [s for s in scores if s.truth not in ("ok", "low", "high")]
    lines.append(_row("other faults: said so first", [s.right for s in others], "at least 85 %"))
    lines.append(_row("other faults: said so at all", [_named(s) for s in others], ""))
    healed = [bool(s.healed) for s in scores if s.healed is not None]
    lines.append(_row("remedies that brought a sick run into the band", healed, "at least 80 %"))
    lines += ["", "Planted faults, first verdicts:"]
    for truth in sorted({s.truth for s in others}):
        said = Counter(s.said[0] for s in others if s.truth == truth)
        lines.append(f"  {truth:32} " + ", ".join(f"{name} {n}" for name, n in said.most_common()))
    lines += ["", "Sweeps, first verdicts:"]
    for truth in ("ok", "low", "high"):
        said = Counter(s.said[0] for s in scores if s.truth == truth)
        lines.append(f"  {truth:32} " + ", ".join(f"{name} {n}" for name, n in said.most_common()))
    lines += ["", "Score at a realistic mix (80 % healthy; of the sick a third too low or too high, half each):"]
    lines.append(f"  {'this diagnosis':24} {_mix(scores, lambda s: s.right):.1%}")
    lines.append(f"  {'always healthy':24} {_mix(scores, lambda s: s.truth == 'ok'):.1%}")
    lines.append(f"  {'always too high':24} {_mix(scores, lambda s: s.truth == 'high'):.1%}")
    lines += ["", f"{'Other tools, same runs':24} false alarm   low→low  high→high  other→named  any complaint on sick"]
    for name in OTHERS:
        lines.append(_other_row(name, scores))
    return "\n".join(lines)


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
