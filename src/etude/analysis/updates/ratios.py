"""Typical update ratios of each layer, and what they say.

Axes: L learning rates, S seeds, P layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.reading import SweepReading
from etude.analysis.statistics import t_interval, wilson_interval
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.trace import Array, Trace

FOLKLORE = 1e-3
"""The rule of thumb: an update should move the weights of a layer by about a thousandth per step."""

ABOUT = 3.0
"""Factor within which a ratio is about that."""

TELLS = 0.75
"""Share of readings from which on a ratio tells a wrong learning rate from a good one; less is no better than looking twice."""

RATIO = "‖Δw‖/‖w‖"


def layers_of(table: SweepTable) -> tuple[str, ...]:
    """Names of the weights whose distributions were measured: those with two dimensions or more."""
    columns = [n for row in table.cells for c in row if c is not None for n in c.evaluations]
    names = [n.split("/") for n in dict.fromkeys(columns) if n.startswith("weight_size/") and n.endswith("/q50")]
    return tuple(parts[1] for parts in names if len(parts) == 3)


def typical(table: SweepTable, column: str) -> Array:
    """Median over the second half of the steps that a run made, (L, S); NaN where there is none.

    The first half has whatever the start brings with it; a run that diverged is read in the second half of its life.
    """
    return np.array([[_late_median(cell, column) for cell in row] for row in table.cells])


def _late_median(trace: Trace | None, column: str) -> float:
    if trace is None or column not in trace.per_step:
        return np.nan
    values = trace.per_step[column]
    known = values[len(values) // 2 :]
    known = known[np.isfinite(known) & (known > 0)]
    return float(np.median(known)) if len(known) else np.nan


@dataclass(frozen=True)
class LayerRatio:
    """A layer's typical update ratio at one learning rate.

    Attributes:
        layer: Name of the weight.
        mean: Geometric mean over seeds.
        interval: Of it, Student's in the logarithm.
    """

    layer: str
    mean: float
    interval: tuple[float, float]


def layer_ratios(table: SweepTable, row: int, confidence: float) -> list[LayerRatio]:
    """Ratios of every layer at a learning rate of the grid."""
    found = []
    for layer in layers_of(table):
        logs = np.log(typical(table, f"update_ratio/{layer}")[row])
        low, high = t_interval(logs, confidence)
        mean = float(np.exp(logs[np.isfinite(logs)].mean())) if np.isfinite(logs).any() else np.nan
        found.append(LayerRatio(layer, mean, (float(np.exp(low)), float(np.exp(high)))))
    return found


def ratio_finding(table: SweepTable, reading: SweepReading, options: SweepOptions) -> Finding:
    """Is the update ratio about a thousandth at the best learning rate?"""
    question = Message("updates.ratio.question")
    objection = reading.evidence.against_best
    found = layer_ratios(table, reading.optimum.index, options.confidence)
    details = {
        "layers": {r.layer: {"mean": r.mean, "interval": r.interval} for r in found},
        "lr": reading.optimum.grid_lr,
    }
    if objection is None and len(table.seeds) < 2:
        objection = Message("cannot_say.seeds", {"seeds": len(table.seeds), "needed": 2})
    if objection is not None:
        return Finding(
            "update_ratio",
            question,
            Verdict.INCONCLUSIVE,
            objection,
            unit=RATIO,
            details=plain(details),
            runs=table.hashes,
        )
    logs = np.log([typical(table, f"update_ratio/{r.layer}")[reading.optimum.index] for r in found]).mean(axis=0)
    low, high = (float(np.exp(end)) for end in t_interval(logs, options.confidence))
    mean = float(np.exp(logs.mean()))
    values: dict[str, Value] = {
        "lr": reading.optimum.grid_lr,
        "mean": mean,
        "low": low,
        "high": high,
        "level": 100 * options.confidence,
        "seeds": len(table.seeds),
        "layers": ", ".join(f"{r.layer} {r.mean:.2g} [{r.interval[0]:.2g}, {r.interval[1]:.2g}]" for r in found),
        "off": max(mean / FOLKLORE, FOLKLORE / mean),
    }
    kinds = [_about(r.interval) for r in found]
    kind = "about" if set(kinds) == {"about"} else "off" if "off" in kinds else "open"
    verdict = {"about": Verdict.SUPPORTED, "off": Verdict.REFUTED, "open": Verdict.INCONCLUSIVE}[kind]
    statement = Message(f"updates.ratio.{kind}", values)
    if kind == "open":
        return Finding(
            "update_ratio", question, verdict, statement, unit=RATIO, details=plain(details), runs=table.hashes
        )
    return Finding("update_ratio", question, verdict, statement, mean, (low, high), RATIO, plain(details), table.hashes)


def _about(interval: tuple[float, float]) -> str:
    low, high = interval
    if low >= FOLKLORE / ABOUT and high <= FOLKLORE * ABOUT:
        return "about"
    return "off" if high < FOLKLORE / ABOUT or low > FOLKLORE * ABOUT else "open"


@dataclass(frozen=True, eq=False)
class Readings:
    """Update ratios on one side of the basin against those inside it.

    Attributes:
        good: Smallest and largest typical ratio of any layer and seed inside the basin.
        lrs: Learning rates beyond it, (M,).
        told: Of every learning rate, seed and layer there: whether its ratio lies outside ``good`` on this side, (M, S, P);
            NaN where there is no reading.
    """

    good: tuple[float, float]
    lrs: Array
    told: Array

    @property
    def _places(self) -> Array:
        """Share of the seeds that tell at every learning rate and layer, (M, 1, P); NaN where there is no reading."""
        return _mean_of_known(self.told, (1,))

    @property
    def share(self) -> float:
        """Share of readings that tell, every learning rate and layer with the same weight however many seeds it has."""
        return float(_mean_of_known(self._places, (0, 1, 2)).item())

    @property
    def per_seed(self) -> Array:
        """The same of each seed that has readings, as far as it differs from the others where it was run, at most (S,)."""
        own = self.share + _mean_of_known(self.told - self._places, (0, 2))[0, :, 0]
        return own[np.isfinite(own)]


def _mean_of_known(values: Array, axes: tuple[int, ...]) -> Array:
    """Mean of what is finite over some axes, which are kept with length 1; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axes, keepdims=True)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=axes, keepdims=True) / np.maximum(count, 1), np.nan)


def readings(table: SweepTable, basin: tuple[float, float], side: str) -> Readings:
    """Compare ratios below (``"low"``) or above (``"high"``) a basin with those inside it."""
    slack = 1 + 1e-9
    ratios = np.stack([typical(table, f"update_ratio/{layer}") for layer in layers_of(table)], axis=2)
    inside = (table.lrs >= basin[0] / slack) & (table.lrs <= basin[1] * slack)
    good = float(np.nanmin(ratios[inside])), float(np.nanmax(ratios[inside]))
    beyond = table.lrs < basin[0] / slack if side == "low" else table.lrs > basin[1] * slack
    own = ratios[beyond]
    outside = own < good[0] if side == "low" else own > good[1]
    return Readings(good, table.lrs[beyond], np.where(np.isfinite(own), outside, np.nan))


def tells_finding(table: SweepTable, reading: SweepReading, side: str, options: SweepOptions) -> Finding:
    """Does a layer's update ratio tell a learning rate that is too low (or too high) from a good one?

    The range of good ratios is taken from this very network, which is more than anyone knows who applies a rule of thumb.
    """
    name, question = f"tells_{side}", Message(f"updates.tells.{side}.question")
    basin = reading.basin
    objection = reading.evidence.against_best
    if objection is None:
        found = readings(table, (basin.left, basin.right), side)
        if not len(found.lrs):
            objection = Message("updates.tells.none")
        elif len(table.seeds) < 2:
            objection = Message("cannot_say.seeds", {"seeds": len(table.seeds), "needed": 2})
    if objection is not None:
        return Finding(name, question, Verdict.INCONCLUSIVE, objection, runs=table.hashes)
    share = found.share
    low, high = _share_interval(found, options.confidence)
    by_lr = {
        f"{lr:g}": float(np.nanmean(t)) if np.isfinite(t).any() else None
        for lr, t in zip(found.lrs, found.told, strict=True)
    }
    details = {"good": found.good, "told_by_lr": by_lr}
    values: dict[str, Value] = {
        "share": share,
        "low": low,
        "high": high,
        "least": found.good[0],
        "most": found.good[1],
        "lrs": len(found.lrs),
        "seeds": len(table.seeds),
        "level": 100 * options.confidence,
    }
    kind = "yes" if low >= TELLS else "no" if high < TELLS else "open"
    verdict = {"yes": Verdict.SUPPORTED, "no": Verdict.REFUTED, "open": Verdict.INCONCLUSIVE}[kind]
    statement = Message(f"updates.tells.{side}.{kind}", values)
    if kind == "open":
        return Finding(name, question, verdict, statement, details=plain(details), runs=table.hashes)
    return Finding(name, question, verdict, statement, share, (low, high), "", plain(details), table.hashes)


def _share_interval(found: Readings, confidence: float) -> tuple[float, float]:
    """Over seeds, and at least as wide as so few learning rates and layers allow, of which seeds are no replicates."""
    share, places = found.share, found.told.shape[0] * found.told.shape[2]
    few = wilson_interval(round(share * places), places, confidence)
    seeds = t_interval(found.per_seed, confidence)
    return float(np.clip(min(few[0], seeds[0], share), 0, 1)), float(np.clip(max(few[1], seeds[1], share), 0, 1))


def rules_finding(tables: Mapping[str, SweepTable], lr: float, options: SweepOptions) -> Finding:
    """How different are the updates that rules make at the same learning rate?"""
    sizes: dict[str, Array] = {}
    spread: dict[str, float] = {}
    for name, table in tables.items():
        row = int(np.argmin(np.abs(np.log(table.lrs / lr))))
        sizes[name] = np.array([_middle(cell, "update_size/q50") for cell in table.cells[row]])
        ends = [[_middle(cell, f"update_size/{q}") for cell in table.cells[row]] for q in ("q05", "q95")]
        logs = np.log(ends[1]) - np.log(ends[0])
        known = logs[np.isfinite(logs)]
        spread[name] = float(np.exp(known.mean())) if len(known) else np.nan
    question = Message("updates.rules.question")
    runs = tuple(run for table in tables.values() for run in table.hashes)
    middle = {name: float(np.exp(np.log(own).mean())) for name, own in sizes.items() if np.isfinite(np.log(own)).all()}
    details = {"median": middle, "spread": spread}
    told = [name for name in middle if np.isfinite(spread[name])]
    if len(middle) < 2 or len(next(iter(sizes.values()))) < 2:
        why = Message("updates.rules.unknown")
        return Finding("rules", question, Verdict.INCONCLUSIVE, why, details=plain(details), runs=runs)
    least, most = min(middle, key=lambda n: middle[n]), max(middle, key=lambda n: middle[n])
    ratio = np.log(sizes[most]) - np.log(sizes[least])
    factor = float(np.exp(ratio.mean()))
    low, high = (float(np.exp(end)) for end in t_interval(ratio, options.confidence))
    values: dict[str, Value] = {
        "lr": lr,
        "most": most,
        "most_size": middle[most],
        "least": least,
        "least_size": middle[least],
        "factor": factor,
        "low": low,
        "high": high,
        "level": 100 * options.confidence,
        "seeds": len(ratio),
    }
    statement = Message("updates.rules.factor", values)
    if len(told) > 1:
        even, uneven = (pick(told, key=lambda n: spread[n]) for pick in (min, max))
        values |= {"even": even, "even_spread": spread[even], "uneven": uneven, "uneven_spread": spread[uneven]}
        statement = Message("updates.rules.spread", values)
    return Finding("rules", question, Verdict.SUPPORTED, statement, factor, (low, high), "", plain(details), runs)


def _middle(trace: Trace | None, column: str) -> float:
    """Geometric mean of an evaluation column over training; NaN where it was not measured or reached zero."""
    if trace is None or column not in trace.evaluations or trace.outcome.diverged:
        return np.nan
    values = trace.evaluations[column]
    return float(np.exp(np.log(values).mean())) if (values > 0).all() else np.nan
