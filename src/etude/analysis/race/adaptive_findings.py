"""What a race of update rules says beyond who wins: untuned learning rates, and those of single weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from etude.analysis.answers import LOSS
from etude.analysis.evidence import few_seeds
from etude.analysis.plain import plain
from etude.analysis.race.effective import Bands, Ratio, bands, drift, spread
from etude.analysis.race.pairs import FEWEST_SEEDS
from etude.analysis.race.reading import Race
from etude.analysis.race.untuned import Untuned, regrets_at
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value

Details = dict[str, Any]
RATIO = ""
"""Unit of a ratio."""


def widths_apart(race: Race) -> Finding:
    """Which rules forgive a wrong learning rate more than which?

    It has an answer also where the widest basin of all is too uncertain to be told from the others.
    """
    found = race.forgiveness
    apart = [pair for pair in found.pairs if pair.resolved]
    wider, narrower = (Counter(getattr(pair, side) for pair in apart) for side in ("second", "first"))
    details: Details = {"wider_than": dict(wider), "narrower_than": dict(narrower), "comparisons": len(found.pairs)}
    question = Message("adaptive.widths.question")
    values = _level(race) | {"pairs": len(found.pairs)}
    objection = _few_seeds(race) or (None if apart else Message("adaptive.widths.none", values))
    if objection is not None:
        return _finding(race, "widths_apart", question, objection, details, "")
    widest = max(wider, key=lambda name: (wider[name], found.basins[name].octaves))
    narrowest = max(narrower, key=lambda name: (narrower[name], -found.basins[name].octaves))
    values |= {"resolved": len(apart), "rest": len(found.pairs) - len(apart)}
    values |= {"wide": widest, "wins": wider[widest], "octaves": found.basins[widest].octaves}
    values |= {"narrow": narrowest, "losses": narrower[narrowest], "least": found.basins[narrowest].octaves}
    statement = Message("adaptive.widths.some", values)
    return _finding(race, "widths_apart", question, statement, details, "", float(len(apart)))


def usual_rates(race: Race, usual: Mapping[str, float]) -> Finding:
    """What does it cost to leave a rule at the learning rate that it is usually begun with?"""
    found = regrets_at(race.arms, usual, race.options.confidence)
    details: Details = {"arms": {own.name: _told(own) for own in found}, "usual": dict(usual)}
    question = Message("adaptive.usual.question")
    objection = _few_seeds(race) or (None if found else Message("adaptive.usual.unknown"))
    if objection is not None:
        return _finding(race, "usual_lr", question, objection, details)
    cost = [own for own in found if own.pair.resolved and own.pair.difference > 0]
    worst = max(cost or found, key=lambda own: own.pair.difference).name
    # The largest of many is large by chance too, so its interval is that of all together (Bonferroni).
    strict = 1 - (1 - race.options.confidence) / len(found)
    most = next(own for own in regrets_at(race.arms, usual, strict) if own.name == worst)
    values = _level(race) | _regret(most) | {"known": len(found)}
    values |= {"own_lr": next(arm.lr for arm in race.arms if arm.name == worst)}
    if not cost:
        return _finding(race, "usual_lr", question, Message("adaptive.usual.unresolved", values), details)
    statement = Message("adaptive.usual.value", values | {"costly": len(cost)})
    return _finding(race, "usual_lr", question, statement, details, LOSS, most.pair.difference, most.pair.interval)


def without_tuning(race: Race, usual: Mapping[str, float]) -> Finding:
    """How close to the best tuned rule do those get that find their learning rate themselves, at their η = 1?"""
    found = regrets_at(race.arms, usual, race.options.confidence, against=race.best)
    details: Details = {"arms": {own.name: _told(own) for own in found}, "against": race.best.name}
    question = Message("adaptive.untuned.question")
    objection = _few_seeds(race) or race.best.objection
    if objection is None and not found:
        objection = Message("adaptive.untuned.unknown")
    if objection is not None:
        return _finding(race, "without_tuning", question, objection, details)
    # The interval is corrected for the number of rules, so that it agrees with the verdict.
    strict = 1 - (1 - race.options.confidence) / len(found)
    best = min(regrets_at(race.arms, usual, strict, against=race.best), key=lambda own: own.mean)
    others = ", ".join(f"{own.name} {own.mean:.3g}" for own in sorted(found, key=lambda own: own.mean)[1:])
    values = _level(race) | _regret(best) | {"tuned": race.best.name, "tuned_loss": race.best.mean}
    values = {name: value for name, value in values.items() if name != "lr"} | {"others": others or "–"}
    kind = "behind" if best.pair.interval[0] > 0 else "level"
    statement = Message(f"adaptive.untuned.{kind}", values)
    return _finding(
        race, "without_tuning", question, statement, details, LOSS, best.pair.difference, best.pair.interval
    )


def spread_of_rates(race: Race, adapting: Sequence[str]) -> Finding:
    """How far apart are the learning rates of single weights?"""
    confidence = race.options.confidence
    measured = measured_bands(race, adapting)
    ratios = {own.name: spread(own, confidence) for own in measured}
    middle = {own.name: spread(own, confidence, "q25", "q75") for own in measured}
    details: Details = {"outer": _ratios(ratios), "middle": _ratios(middle)}
    question = Message("adaptive.spread.question")
    if not measured or len(measured[0].quantiles) < FEWEST_SEEDS:
        objection = _few_seeds(race) or Message("adaptive.spread.unmeasured")
        return _finding(race, "spread_of_rates", question, objection, details, RATIO)
    widest, narrowest = (which(ratios, key=lambda name: ratios[name].value) for which in (max, min))
    low, high = ratios[widest].interval
    values = _level(race) | {"widest": widest, "most": ratios[widest].value, "low": low, "high": high}
    values |= {"inner": middle[widest].value, "narrowest": narrowest, "least": ratios[narrowest].value}
    statement = Message("adaptive.spread.value", values | {"measured": len(measured)})
    return _finding(
        race, "spread_of_rates", question, statement, details, RATIO, ratios[widest].value, ratios[widest].interval
    )


def drift_of_rates(race: Race, adapting: Sequence[str]) -> Finding:
    """Do the learning rates of single weights stay where they are while η follows its schedule?"""
    measured = measured_bands(race, adapting)
    ratios = {own.name: drift(own, race.options.confidence) for own in measured}
    details: Details = {"median": _ratios(ratios)}
    question = Message("adaptive.drift.question")
    if not measured or len(measured[0].quantiles) < FEWEST_SEEDS:
        objection = _few_seeds(race) or Message("adaptive.spread.unmeasured")
        return _finding(race, "drift_of_rates", question, objection, details, RATIO)
    rising = [name for name, ratio in ratios.items() if ratio.interval[0] > 1]
    falling = [name for name, ratio in ratios.items() if ratio.interval[1] < 1]
    furthest = max(ratios, key=lambda name: max(ratios[name].value, 1 / ratios[name].value))
    low, high = ratios[furthest].interval
    values = _level(race) | {"measured": len(measured), "rising": len(rising), "falling": len(falling)}
    values |= {"rest": len(measured) - len(rising) - len(falling), "furthest": furthest}
    values |= {"ratio": ratios[furthest].value, "low": low, "high": high}
    values |= {"first": int(measured[0].steps[0]), "last": int(measured[0].steps[-1])}
    statement = Message("adaptive.drift.value", values)
    return _finding(race, "drift_of_rates", question, statement, details, RATIO, ratios[furthest].value, (low, high))


def measured_bands(race: Race, adapting: Sequence[str]) -> list[Bands]:
    """The effective learning rates of the rules that adapt them, where they were measured."""
    found = [bands(arm, "effective_lr") for arm in race.arms if arm.name in adapting and arm.objection is None]
    return [own for own in found if own is not None]


def _regret(own: Untuned) -> dict[str, Value]:
    low, high = own.pair.interval
    return {
        "name": own.name,
        "lr": own.lr,
        "loss": own.mean,
        "regret": own.pair.difference,
        "low": low,
        "high": high,
    }


def _told(own: Untuned) -> Details:
    told = {"lr": own.lr, "loss": own.mean, "regret": own.pair.difference, "interval": own.pair.interval}
    return told | {"corrected": own.pair.corrected, "resolved": own.pair.resolved}


def _ratios(ratios: Mapping[str, Ratio]) -> Details:
    return {name: {"ratio": ratio.value, "interval": ratio.interval} for name, ratio in ratios.items()}


def _few_seeds(race: Race) -> Message | None:
    return few_seeds(race.best.table, FEWEST_SEEDS)


def _level(race: Race) -> dict[str, Value]:
    return {"level": 100 * race.options.confidence, "seeds": len(race.best.tuned)}


def _finding(
    race: Race,
    name: str,
    question: Message,
    statement: Message,
    details: Details,
    unit: str = LOSS,
    estimate: float | None = None,
    interval: tuple[float, float] | None = None,
) -> Finding:
    """An answer where there is an estimate, and else "cannot say"."""
    verdict = Verdict.INCONCLUSIVE if estimate is None else Verdict.SUPPORTED
    return Finding(name, question, verdict, statement, estimate, interval, unit, plain(details), race.runs)
