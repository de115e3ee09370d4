"""What a race says: the findings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from etude.analysis.answers import LOSS, OCTAVES, STEPS
from etude.analysis.evidence import few_seeds
from etude.analysis.plain import plain
from etude.analysis.race.cliques import cliques
from etude.analysis.race.pairs import FEWEST_SEEDS, Pair
from etude.analysis.race.reading import Race
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value

Details = dict[str, Any]


def race_findings(race: Race) -> list[Finding]:
    """``race_fair``, ``race_winner``, ``race_apart``, ``race_price``, ``race_basin`` and ``race_pace``."""
    return [fair(race), winner(race), apart(race), dearest(race), forgiving(race), fastest(race)]


def fair(race: Race) -> Finding:
    """Did every arm run at its best learning rate?"""
    unsure = [arm for arm in race.arms if arm.objection is not None]
    details: Details = {"objections": {arm.name: arm.objection.key for arm in unsure if arm.objection is not None}}
    question = Message("race.fair.question")
    values: dict[str, Value] = {"arms": len(race.arms), "steps": race.steps, "batch": race.batch_size}
    if not unsure:
        details["lrs"] = {arm.name: arm.lr for arm in race.arms}
        return _finding(race, "race_fair", question, Verdict.SUPPORTED, Message("race.fair.yes", values), details)
    statement = Message("race.fair.no", values | {"names": _names(arm.name for arm in unsure)})
    return _finding(race, "race_fair", question, Verdict.REFUTED, statement, details)


def winner(race: Race) -> Finding:
    """Which arm does best, each at its own tuned peak?"""
    best, confidence = race.best, race.options.confidence
    low, high = best.interval(confidence)
    details: Details = {
        "metric": race.metric,
        "seeds": len(best.tuned),
        "confidence": confidence,
        "comparisons": len(race.pairs),
        "order": [arm.name for arm in race.ranked],
        "tied": [arm.name for arm in race.tied],
        "lr": {arm.name: arm.lr for arm in race.arms},
        "mean": {arm.name: arm.mean for arm in race.arms},
        "held_out_mean": {arm.name: float(arm.held_out.mean()) for arm in race.arms},
        "groups": cliques({arm.name: arm.mean for arm in race.arms}, race.pairs),
    }
    question = Message(f"race.winner.question.{race.metric}")
    objection = _objection(race)
    if objection is not None:
        return _finding(race, "race_winner", question, Verdict.INCONCLUSIVE, objection, details, LOSS)
    values = _level(race) | {"best": best.name, "loss": best.mean, "low": low, "high": high, "lr": best.lr}
    values |= {"arms": len(race.arms), "pairs": len(race.pairs), "steps": race.steps, "batch": race.batch_size}
    if len(race.tied) == len(race.arms) - 1:
        why = Message("race.winner.nobody", values)
        return _finding(race, "race_winner", question, Verdict.INCONCLUSIVE, why, details, LOSS)
    beaten = [arm for arm in race.ranked[1:] if arm not in race.tied]
    if race.tied and len(race.tied) <= len(beaten):
        values |= {"tied": _names(arm.name for arm in race.tied), "count": len(beaten)}
        kind = "tied"
    elif race.tied:
        values |= {"beaten": _names(arm.name for arm in beaten), "count": len(race.tied)}
        kind = "crowd"
    else:
        second = race.ranked[1]
        pair = next(p for p in race.pairs if {p.first, p.second} == {best.name, second.name})
        values |= {"second": second.name, "lead": pair.difference}
        kind = "alone"
    return _finding(
        race,
        "race_winner",
        question,
        Verdict.SUPPORTED,
        Message(f"race.winner.{kind}", values),
        details,
        LOSS,
        best.mean,
        (low, high),
    )


def apart(race: Race) -> Finding:
    """Which differences between arms are more than chance?"""
    resolved = [pair for pair in race.pairs if pair.resolved]
    details: Details = {"pairs": [_pair(pair) for pair in race.pairs], "comparisons": len(race.pairs)}
    question, values = Message("race.apart.question"), _level(race) | {"pairs": len(race.pairs)}
    objection = _objection(race)
    if objection is None and not resolved:
        objection = Message("race.apart.none", values)
    if objection is not None:
        return _finding(race, "race_apart", question, Verdict.INCONCLUSIVE, objection, details)
    ordered = sorted(resolved, key=lambda pair: pair.difference)
    for name, pair in (("least", ordered[0]), ("most", ordered[-1])):
        values |= {name: pair.difference, f"{name}_first": pair.first, f"{name}_second": pair.second}
    count = len(resolved)
    statement = Message("race.apart.some", values | {"resolved": count, "rest": len(race.pairs) - count})
    return _finding(race, "race_apart", question, Verdict.SUPPORTED, statement, details, "", float(count))


def dearest(race: Race) -> Finding:
    """What does it cost to use another arm's best learning rate?"""
    found = race.prices
    details: Details = {
        "arms": found.names,
        "lrs": found.lrs,
        "regret": found.regret,
        "low": found.low,
        "high": found.high,
        "losses": found.losses,
    }
    question = Message("race.dearest.question")
    objection = _objection(race)
    if objection is None and found.worst is None:
        objection = Message("race.dearest.unknown")
    if objection is not None or found.worst is None or found.worst_interval is None:
        return _finding(race, "race_price", question, Verdict.INCONCLUSIVE, objection or question, details, LOSS)
    user, owner = found.worst
    regret, (low, high) = float(found.regret[user, owner]), found.worst_interval
    values = _level(race) | {"user": found.names[user], "owner": found.names[owner], "lr": float(found.lrs[owner])}
    values |= {"loss": float(found.losses[user, owner]), "own": race.arms[user].mean, "own_lr": float(found.lrs[user])}
    values |= {"regret": regret, "low": low, "high": high}
    if low <= 0:
        why = Message("race.dearest.unresolved", values)
        return _finding(race, "race_price", question, Verdict.INCONCLUSIVE, why, details, LOSS)
    statement = Message("race.dearest.value", values)
    return _finding(race, "race_price", question, Verdict.SUPPORTED, statement, details, LOSS, regret, (low, high))


def forgiving(race: Race) -> Finding:
    """Which arm forgives a wrong learning rate most?"""
    found = race.forgiveness
    details: Details = {
        "octaves": {name: basin.octaves for name, basin in found.basins.items()},
        "interval": {name: basin.width_interval for name, basin in found.basins.items()},
        "open": [name for name, basin in found.basins.items() if basin.open_left or basin.open_right],
        "pairs": [_pair(pair) for pair in found.pairs],
        "tolerance": race.options.tolerance,
        "comparisons": len(found.pairs),
    }
    question = Message("race.forgiving.question")
    objection = _objection(race) or (None if found.pairs else Message("race.forgiving.alone"))
    if objection is not None or found.widest is None:
        why = objection or Message("race.nothing")
        return _finding(race, "race_basin", question, Verdict.INCONCLUSIVE, why, details, OCTAVES)
    basin, others = found.basins[found.widest], len(found.basins) - 1
    narrower = sum(pair.resolved and pair.second == found.widest for pair in found.pairs)
    narrowest = min(found.basins, key=lambda name: found.basins[name].octaves)
    values = _level(race) | {
        "best": found.widest,
        "octaves": basin.octaves,
        "others": others,
        "pairs": len(found.pairs),
    }
    values |= {"tolerance": race.options.tolerance}
    values |= {"narrowest": narrowest, "least": found.basins[narrowest].octaves}
    if narrower == 0:
        why = Message("race.forgiving.unresolved", values)
        return _finding(race, "race_basin", question, Verdict.INCONCLUSIVE, why, details, OCTAVES)
    kind = "open" if basin.open_left or basin.open_right else "closed"
    statement = Message(f"race.forgiving.{kind}", values | {"narrower": narrower})
    interval = basin.width_interval
    return _finding(
        race, "race_basin", question, Verdict.SUPPORTED, statement, details, OCTAVES, basin.octaves, interval
    )


def fastest(race: Race) -> Finding:
    """Which arm needs the fewest steps to a common training loss?"""
    found = race.paces
    details: Details = {
        "target": found.target,
        "target_chosen": found.chosen,
        "steps": {arm.name: arm.steps for arm in found.arms},
        "mean": {arm.name: arm.mean for arm in found.arms},
        "interval": {arm.name: arm.interval for arm in found.arms},
        "reached": {arm.name: arm.reached for arm in found.arms},
    }
    question, best = Message("race.pace.question"), found.fastest
    never = [arm.name for arm in found.arms if not np.isfinite(arm.mean)]
    objection = _objection(race)
    if objection is None and best is None:
        objection = Message("race.pace.never", {"target": found.target, "steps": race.steps})
    if objection is not None or best is None or best.interval is None:
        return _finding(race, "race_pace", question, Verdict.INCONCLUSIVE, objection or question, details, STEPS)
    low, high = best.interval
    values = _level(race) | {"best": best.name, "mean": best.mean, "low": low, "high": high, "target": found.target}
    slowest = max((arm for arm in found.arms if np.isfinite(arm.mean)), key=lambda arm: arm.mean)
    values |= {"slowest": slowest.name, "most": slowest.mean, "arms": len(found.arms)}
    statement = Message("race.pace.all", values)
    if never:
        statement = Message("race.pace.some", values | {"never": _names(never)})
    return _finding(race, "race_pace", question, Verdict.SUPPORTED, statement, details, STEPS, best.mean, (low, high))


def _objection(race: Race) -> Message | None:
    """Why nothing can be said about the race at all."""
    seeds = few_seeds(race.best.table, FEWEST_SEEDS)
    nothing = all(arm.objection is not None for arm in race.arms)
    return seeds or (Message("race.nothing") if nothing else None)


def _level(race: Race) -> dict[str, Value]:
    return {"level": 100 * race.options.confidence, "seeds": len(race.best.tuned)}


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _pair(pair: Pair) -> Details:
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": pair.difference,
        "interval": pair.interval,
        "p": pair.p,
        "corrected": pair.corrected,
        "resolved": pair.resolved,
    }


def _finding(
    race: Race,
    name: str,
    question: Message,
    verdict: Verdict,
    statement: Message,
    details: Details,
    unit: str = "",
    estimate: float | None = None,
    interval: tuple[float, float] | None = None,
) -> Finding:
    if estimate is not None and interval is not None:
        interval = (min(interval[0], estimate), max(interval[1], estimate))
    return Finding(name, question, verdict, statement, estimate, interval, unit, plain(details), race.runs)
