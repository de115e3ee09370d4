"""How the answers of a sweep move along a second axis: another hyperparameter, one sweep for each of its values.

Axes: V values, in ascending order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from etude.analysis.answers import level
from etude.analysis.options import LossMetric, SweepOptions
from etude.analysis.plain import plain
from etude.analysis.race.pairs import Pair, compare
from etude.analysis.race.tuned import TunedArm, tune
from etude.analysis.reading import SweepReading, read_sweep
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.trace import Array

FRACTIONS = ("momentum", "beta", "beta1", "beta2", "alpha", "rho")
"""Averaging coefficients β, whose natural scale is 1/(1−β), the number of steps they average over."""

FEWEST_VALUES = 3
"""Two points make a line that nothing tests."""


@dataclass(frozen=True, eq=False)
class Trend:
    """A power law η* ∝ scaleᵖ through the best learning rates, by least squares in logarithms.

    Attributes:
        power: p.
        interval: Student's, with V − 2 degrees of freedom: the scatter of the points around the line is its only witness.
        values: Values whose best learning rate could be stated.
    """

    power: float
    interval: tuple[float, float]
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Along:
    """Every sweep of a second axis, read.

    Attributes:
        key: Name of the hyperparameter.
        values: (V,).
        readings: The sweeps, read for one final loss.
        arms: The same, each at its own best learning rate.
        pairs: All pairs of values, compared at their own best learning rates.
        trend: How the best learning rate moves; ``None`` when fewer than three can be stated.
    """

    key: str
    values: tuple[float, ...]
    readings: tuple[SweepReading, ...]
    arms: tuple[TunedArm, ...]
    pairs: tuple[Pair, ...]
    trend: Trend | None


def read_along(
    key: str, values: Sequence[float], tables: Mapping[str, SweepTable], metric: LossMetric, options: SweepOptions
) -> Along:
    """Read the sweeps of a second axis; tables in the order of the values, by the names of their arms."""
    readings = tuple(read_sweep(table.comparable(), metric, options) for table in tables.values())
    arms = tune(tables, metric, options)
    known = [
        (value, reading.optimum.lr)
        for value, reading in zip(values, readings, strict=True)
        if reading.evidence.against_best is None and _scale(key, value) > 0
    ]
    return Along(
        key, tuple(values), readings, tuple(arms), tuple(compare(arms, options.confidence)), _trend(key, known, options)
    )


def along_findings(along: Along, metric: LossMetric, options: SweepOptions) -> list[Finding]:
    """Which value is best when each has its own learning rate, and how the best learning rate moves."""
    return [_best_value(along, metric, options), _trend_finding(along, options)]


def _best_value(along: Along, metric: LossMetric, options: SweepOptions) -> Finding:
    order = sorted(range(len(along.arms)), key=lambda i: along.arms[i].mean)
    best = along.arms[order[0]]
    beaten = {pair.second for pair in along.pairs if pair.resolved and pair.first == best.name}
    alike = [along.values[i] for i in order if along.arms[i].name not in beaten]
    question = Message(f"along.best.question.{metric}", {"key": along.key})
    details = {
        "values": along.values,
        "best_lr": [arm.lr for arm in along.arms],
        "loss": [arm.mean for arm in along.arms],
        "not_told_from_best": alike,
        "comparisons": len(along.pairs),
    }
    values: dict[str, Value] = level(best.table, options) | {
        "key": along.key,
        "value": along.values[order[0]],
        "loss": best.mean,
        "lr": best.lr,
        "values": len(along.values),
    }
    runs = tuple(run for arm in along.arms for run in arm.table.hashes)
    if best.objection is not None:
        return Finding(
            "best_value",
            question,
            Verdict.INCONCLUSIVE,
            best.objection,
            unit=along.key,
            details=plain(details),
            runs=runs,
        )
    kind = "alone" if len(alike) == 1 else "all" if len(alike) == len(along.values) else "some"
    if kind == "some":
        values |= {"alike": len(alike), "low": min(alike), "high": max(alike)}
    return Finding(
        "best_value",
        question,
        Verdict.INCONCLUSIVE if kind == "all" else Verdict.SUPPORTED,
        Message(f"along.best.{kind}", values),
        None if kind == "all" else along.values[order[0]],
        None if kind == "all" else (min(alike), max(alike)),
        along.key,
        plain(details),
        runs,
    )


def _trend_finding(along: Along, options: SweepOptions) -> Finding:
    fraction = along.key in FRACTIONS
    question = Message("along.trend.question", {"key": along.key})
    details = {
        "values": along.values,
        "best_lr": [r.optimum.lr if r.evidence.against_best is None else None for r in along.readings],
        "edge": [r.edge.estimate for r in along.readings],
        "scale": "1/(1-value)" if fraction else "value",
    }
    runs = tuple(run for arm in along.arms for run in arm.table.hashes)
    if along.trend is None:
        why = Message("along.trend.few", {"key": along.key, "needed": FEWEST_VALUES})
        return Finding("best_lr_trend", question, Verdict.INCONCLUSIVE, why, details=plain(details), runs=runs)
    low, high = along.trend.interval
    values: dict[str, Value] = {
        "key": along.key,
        "power": along.trend.power,
        "low": low,
        "high": high,
        "count": len(along.trend.values),
        "level": 100 * options.confidence,
    }
    moves = low > 0 or high < 0
    kind = ("fraction" if fraction else "power") if moves else "flat"
    verdict = Verdict.SUPPORTED if moves else Verdict.INCONCLUSIVE
    statement = Message(f"along.trend.{kind}", values)
    return Finding(
        "best_lr_trend", question, verdict, statement, along.trend.power, (low, high), "power", plain(details), runs
    )


def _scale(key: str, value: float) -> float:
    return 1 / (1 - value) if key in FRACTIONS else value


def _trend(key: str, known: Sequence[tuple[float, float]], options: SweepOptions) -> Trend | None:
    if len(known) < FEWEST_VALUES:
        return None
    x: Array = np.log([_scale(key, value) for value, _ in known])
    y: Array = np.log([lr for _, lr in known])
    spread = float(((x - x.mean()) ** 2).sum())
    power = float(((x - x.mean()) * y).sum() / spread)
    rest = y - y.mean() - power * (x - x.mean())
    error = float(np.sqrt((rest**2).sum() / (len(x) - 2) / spread))
    half = float(stdtrit(len(x) - 2, 0.5 + options.confidence / 2)) * error
    return Trend(power, (power - half, power + half), tuple(value for value, _ in known))
