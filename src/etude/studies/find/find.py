"""What the ramps, the short runs and the whole horizon say of one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from etude.analysis.along import Along, along_findings, read_along
from etude.analysis.finder.price import RULES, Price, played, price, suggestions
from etude.analysis.finder.ramp import Ramp
from etude.analysis.options import SweepOptions
from etude.analysis.plain import plain
from etude.analysis.statistics import t_interval
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.core.trace import Array
from etude.studies.arms import Sweep
from etude.studies.find.arms import METRIC, RAMPS, USUAL, is_ramp
from etude.training.rules import SGD

LOSES = 0.02
"""Share of the attainable range that a suggestion may lose and still counts as found: what a change of seed costs."""

SGD_DEFAULT, OTHER_DEFAULT = 0.01, 0.001
"""What one would take without looking."""

VERDICTS = {"yes": Verdict.SUPPORTED, "no": Verdict.REFUTED, "unclear": Verdict.INCONCLUSIVE}


@dataclass(frozen=True, eq=False)
class Reading:
    """The study, read.

    Attributes:
        along: Constant learning rates, horizon by horizon, ascending.
        ramps: By length, one for each seed.
        prices: What each method's learning rates lose at the whole horizon.
    """

    along: Along
    ramps: dict[int, list[Ramp]]
    prices: tuple[Price, ...]

    @property
    def truth(self) -> SweepTable:
        """Constant learning rates over the whole horizon."""
        return self.along.arms[-1].table

    def of(self, *names: str) -> list[Price]:
        """Prices by the names of their methods."""
        return [price for price in self.prices if price.name in names]

    @property
    def rules(self) -> list[Price]:
        """Prices of the rules that read a ramp."""
        return self.of(*RULES)

    @property
    def short(self) -> list[Price]:
        """Prices of the best learning rates of short runs, the shortest first."""
        return [price for price in self.prices if price.name.startswith("constant")]


def read(sweeps: Sequence[Sweep], options: SweepOptions) -> Reading:
    """Read the ramps, then judge every method by the whole horizon; intervals are corrected for their number."""
    constant = sorted((s for s in sweeps if not is_ramp(s)), key=lambda s: s.arm.base.steps)
    tables = {sweep.arm.name: sweep.table.balanced() for sweep in constant}
    along = read_along("steps", [s.arm.base.steps for s in constant], tables, METRIC, options)
    ramps = {s.arm.base.steps: _ramps(s) for s in sweeps if is_ramp(s)}
    whole = constant[-1]
    named = {rule: (USUAL, lrs) for rule, lrs in suggestions(ramps[USUAL]).items()}
    for sweep in constant[:-1]:
        table = tables[sweep.arm.name]
        named[sweep.arm.name] = (sweep.arm.base.steps * len(table.lrs), _best_of_each_seed(table))
    default = SGD_DEFAULT if isinstance(whole.arm.base.rule, SGD) else OTHER_DEFAULT
    named["default"] = (0, np.full(len(whole.table.seeds), default))
    level = 1 - (1 - options.confidence) / len(named)
    table = tables[whole.arm.name]
    prices = [
        price(name, steps, lrs, table, METRIC, level) for name, (steps, lrs) in named.items() if np.isfinite(lrs).any()
    ]
    return Reading(along, ramps, tuple(prices))


def find(sweeps: Sequence[Sweep]) -> list[Finding]:
    """The findings: what range tests cost, what short runs cost, how rules depend on the ramp, how the best η drifts."""
    options = sweeps[0].options
    reading = read(sweeps, options)
    runs = tuple(run for sweep in sweeps for run in sweep.table.hashes)
    drift = along_findings(reading.along, METRIC, options)[1]
    return [
        _cost("range_test", reading.rules, reading, options, runs),
        _cost("short_runs", reading.short, reading, options, runs),
        _ramp_length(reading, options, runs),
        drift,
    ]


def _cost(
    name: str, prices: Sequence[Price], reading: Reading, options: SweepOptions, runs: tuple[str, ...]
) -> Finding:
    """Do these methods name learning rates that lose next to nothing?"""
    question = Message(f"find_study.{name}.question", {"share": 100 * LOSES})
    known = [p for p in prices if np.isfinite(p.regrets).any()]
    if not known or len(reading.truth.seeds) < 2:
        return Finding(name, question, Verdict.INCONCLUSIVE, Message("find_study.unknown"), runs=runs)
    worst, least = max(known, key=lambda p: p.mean), min(known, key=lambda p: p.mean)
    values: dict[str, Value] = {
        "best": reading.along.arms[-1].lr,
        "low": min(p.lr for p in known),
        "high": max(p.lr for p in known),
        "worst": _shown(worst),
        "most": 100 * worst.mean,
        "from": 100 * worst.interval[0],
        "to": 100 * worst.interval[1],
        "least": _shown(least),
        "little": 100 * least.mean,
        "share": 100 * LOSES,
        "level": 100 * options.confidence,
    }
    details = {p.name: {"lr": p.lrs, "regret": p.regrets, "interval": p.interval, "steps": p.steps} for p in known}
    kind = _kind(known)
    return Finding(
        name,
        question,
        VERDICTS[kind],
        Message(f"find_study.{name}.{kind}", values),
        100 * worst.mean,
        (100 * worst.interval[0], 100 * worst.interval[1]),
        "percent of descent",
        plain(details),
        runs,
    )


def _kind(prices: Sequence[Price]) -> Literal["yes", "no", "unclear"]:
    if any(p.interval[0] > LOSES for p in prices):
        return "no"
    return "yes" if all(p.interval[1] <= LOSES for p in prices) else "unclear"


def _shown(price: Price) -> str:
    return price.name.removeprefix("constant ")


def _ramp_length(reading: Reading, options: SweepOptions, runs: tuple[str, ...]) -> Finding:
    """How far does a rule's suggestion move when the ramp has more steps?"""
    short, long = (suggestions(reading.ramps[steps]) for steps in (RAMPS[0], RAMPS[-1]))
    moved = {rule: np.log10(long[rule] / short[rule]) for rule in RULES}
    moved = {rule: shift for rule, shift in moved.items() if np.isfinite(shift).sum() > 1}
    question = Message("find_study.ramp_length.question")
    if not moved:
        return Finding("ramp_length", question, Verdict.INCONCLUSIVE, Message("find_study.unknown"), runs=runs)
    level = 1 - (1 - options.confidence) / len(moved)
    rule = max(moved, key=lambda r: abs(float(np.nanmean(moved[r]))))
    factor = 10 ** float(np.nanmean(moved[rule]))
    low, high = (float(10**end) for end in t_interval(moved[rule], level))
    kind = "moves" if low > 1 or high < 1 else "unclear"
    values: dict[str, Value] = {"rule": rule, "factor": factor, "low": low, "high": high}
    values |= {"short": RAMPS[0], "long": RAMPS[-1], "level": 100 * options.confidence}
    return Finding(
        "ramp_length",
        question,
        Verdict.SUPPORTED if kind == "moves" else Verdict.INCONCLUSIVE,
        Message(f"find_study.ramp_length.{kind}", values),
        factor,
        (low, high),
        "times",
        plain({r: [10 ** float(v) for v in shift] for r, shift in moved.items()}),
        runs,
    )


def _ramps(sweep: Sweep) -> list[Ramp]:
    """The ramp of each seed, as far as a finder would have played it."""
    base = sweep.arm.base
    lrs = np.array([base.peak_lr * base.schedule(t) for t in range(base.steps)])
    return [played(lrs, trace.per_step["loss"]) for trace in sweep.table.cells[0] if trace is not None]


def _best_of_each_seed(table: SweepTable) -> Array:
    best: Array = table.lrs[np.argmin(table.result(METRIC), axis=0)]
    return best
