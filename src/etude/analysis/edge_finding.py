"""Beyond which learning rate training diverges: the finding."""

from __future__ import annotations

import math

import numpy as np

from etude.analysis.answers import LEARNING_RATE, answer, cannot_say, level
from etude.analysis.edge import Edge
from etude.analysis.options import SweepOptions
from etude.analysis.table import SweepTable
from etude.analysis.tipping import FEWEST_SEEDS
from etude.core.finding import Finding
from etude.core.message import Message, Value


def edge_finding(table: SweepTable, found: Edge, options: SweepOptions) -> Finding:
    """Beyond which learning rate does training diverge?

    The interval's upper end is +inf when a seed held even at the largest η; the statement then says "or above".
    """
    details = {
        "confidence": options.confidence,
        "seeds": len(table.seeds),
        "grid": found.lrs,
        "diverged": found.diverged,
        "ran": found.ran,
        "probability": found.diverged / found.ran,
        "wilson_low": found.low,
        "wilson_high": found.high,
        "lower": found.lower,
        "upper": found.upper,
        "onset": found.onset,
        "certain": found.certain,
        "reversal": found.reversal,
        "seed_lower": found.seed_lower,
        "seed_upper": found.seed_upper,
    }
    question = Message("edge.question")
    objection = _objection(found, options)
    if objection is not None:
        return cannot_say(table, "edge", question, objection, LEARNING_RATE, details)
    assert found.estimate is not None, "else the objection above holds"
    low, high = found.interval
    values = (
        _bracket(found) | level(table, options) | {"lr": found.estimate, "low": low, "seeds": len(found.seed_lower)}
    )
    if math.isfinite(high):
        kind, values = "closed", values | {"high": high}
    else:
        holding = int(np.isposinf(found.seed_upper).sum())
        kind, values = "open", values | {"largest": float(found.lrs[-1]), "holding": holding}
    if found.reversal is not None:
        kind, values = f"{kind}_again", values | {"reversal": found.reversal}
    statement = Message(f"edge.{kind}", values)
    return answer(table, "edge", question, statement, found.estimate, found.interval, LEARNING_RATE, details)


def _objection(found: Edge, options: SweepOptions) -> Message | None:
    """Why the edge cannot be told, or nothing."""
    if found.lower is None or found.upper is None:
        return _no_bracket(found, options)
    seeds = len(found.seed_lower)
    if seeds < FEWEST_SEEDS:
        return Message("edge.few_seeds", _bracket(found) | {"seeds": seeds, "needed": FEWEST_SEEDS})
    if found.safe is None:
        values: dict[str, Value] = {"lr": float(found.lrs[0]), "lower": found.lower, "upper": found.upper}
        return Message("edge.some_below", values | {"count": int((found.seed_lower == 0).sum()), "seeds": seeds})
    return None


def _no_bracket(found: Edge, options: SweepOptions) -> Message:
    if found.upper is not None:
        return Message("edge.below", {"lr": float(found.lrs[0])})
    if found.onset is not None:
        return Message("edge.seldom", {"lr": float(found.lrs[-1]), "onset": found.onset})
    high = float(found.high[-1]) if len(found.high) else 1.0
    tried = float(found.lrs[-1]) if len(found.lrs) else 0.0
    return Message("edge.beyond", {"lr": tried, "high": high, "level": 100 * options.confidence})


def _bracket(found: Edge) -> dict[str, Value]:
    assert found.lower is not None
    assert found.upper is not None
    below, above = np.searchsorted(found.lrs, [found.lower, found.upper])
    return {
        "lower": found.lower,
        "upper": found.upper,
        "below": int(found.diverged[below]),
        "below_of": int(found.ran[below]),
        "above": int(found.diverged[above]),
        "above_of": int(found.ran[above]),
    }
