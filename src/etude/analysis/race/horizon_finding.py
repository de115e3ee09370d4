"""What races at several horizons say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from etude.analysis.evidence import few_seeds
from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.race.horizons import FEWEST_ARMS, Horizons, compare_horizons
from etude.analysis.race.pairs import FEWEST_SEEDS
from etude.analysis.race.reading import Race
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value


def horizon_finding(races: Mapping[int, Race], options: SweepOptions) -> Finding:
    """``race_horizons``: does the ranking of the arms hold at other horizons [steps]?

    Refuted when an order that is resolved at one horizon is resolved the other way round at another; supported when there
    is none and the lowest rank correlation is certainly positive.

    Raises:
        SpecError: With fewer than two horizons, or when arms or seeds differ between them.
    """
    found = compare_horizons({steps: race.arms for steps, race in races.items()}, options)
    first = next(iter(races.values()))
    statement, verdict = _conclude(found, first, options)
    lowest = min(found.agreements, key=lambda agreement: agreement.rho)
    known = verdict is not Verdict.INCONCLUSIVE and np.isfinite(lowest.rho)
    details = {
        "horizons": found.steps,
        "ranks": found.ranks,
        "agreements": [[a.shorter, a.longer, a.rho, *a.interval] for a in found.agreements],
        "flips": [[f.better_short, f.better_long, f.shorter, f.longer] for f in found.flips],
        "resolved": {str(steps): sum(pair.resolved for pair in pairs) for steps, pairs in found.pairs.items()},
        "orders": sorted(found.resolved),
        "kept": found.kept,
        "comparisons": sum(map(len, found.pairs.values())),
    }
    return Finding(
        "race_horizons",
        Message("race.horizons.question"),
        verdict,
        statement,
        lowest.rho if known else None,
        lowest.interval if known else None,
        "",
        plain(details),
        tuple(run for race in races.values() for run in race.runs),
    )


def _conclude(found: Horizons, race: Race, options: SweepOptions) -> tuple[Message, Verdict]:
    objection = few_seeds(race.best.table, FEWEST_SEEDS)
    if objection is not None:
        return objection, Verdict.INCONCLUSIVE
    arms = len(race.arms)
    if arms < FEWEST_ARMS:
        return Message("race.horizons.arms", {"arms": arms}), Verdict.INCONCLUSIVE
    lowest = min(found.agreements, key=lambda agreement: agreement.rho)
    values: dict[str, Value] = {"arms": arms, "seeds": len(race.best.tuned), "level": 100 * options.confidence}
    values |= {"horizons": ", ".join(map(str, found.steps)), "rho": lowest.rho, "kept": found.kept}
    values |= {
        "shorter": lowest.shorter,
        "longer": lowest.longer,
        "low": lowest.interval[0],
        "high": lowest.interval[1],
    }
    values |= {"resolved": len(found.resolved)}
    values["pairs"] = sum(map(len, found.pairs.values()))
    if found.flips:
        flip = found.flips[0]
        values |= {"flips": len(found.flips), "short_best": flip.better_short, "long_best": flip.better_long}
        values |= {"from": flip.shorter, "to": flip.longer}
        return Message("race.horizons.changes", values), Verdict.REFUTED
    if np.isfinite(lowest.rho) and lowest.interval[0] > 0:
        return Message("race.horizons.holds", values), Verdict.SUPPORTED
    return Message("race.horizons.unclear", values), Verdict.INCONCLUSIVE
