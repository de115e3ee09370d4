"""How far a search that spares runs came, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from etude.analysis.halving import Aim, Standing, standing, width
from etude.analysis.table import SweepTable
from etude.core.finding import Finding, Verdict
from etude.core.message import Message, Value
from etude.studies.arms import Sweep

QUESTION = Message("search.question")


@dataclass(frozen=True, eq=False)
class Searched:
    """A sweep in which a best learning rate was sought.

    Attributes:
        sweep: The sweep.
        table: Its learning rates that can be compared.
        found: How each of them stands to the best.
        decades: Width of the interval of the best [decades]; +inf where there is none.
    """

    sweep: Sweep
    table: SweepTable
    found: Standing
    decades: float


def searched(sweeps: Sequence[Sweep], aims: Mapping[str, Aim]) -> list[Searched]:
    """The sweeps in which a best learning rate was sought, as they stand."""
    out = []
    for sweep in sweeps:
        for metric in aims[sweep.arm.name].metrics[:1]:
            table = sweep.table.comparable()
            found = standing(table, metric, sweep.options)
            out.append(Searched(sweep, table, found, width(found.optimum)))
    return out


def search_finding(sweeps: Sequence[Sweep], aims: Mapping[str, Aim]) -> Finding:
    """``search``: how well best learning rates are known, why not better, and how many runs that took."""
    found = searched(sweeps, aims)
    if len(found) == 1:
        sweeps = [found[0].sweep]
    aim = aims[found[0].sweep.arm.name]
    runs = tuple(dict.fromkeys(run for sweep in sweeps for run in sweep.table.hashes))
    values: dict[str, Value] = {"runs": len(runs), "every": _rows(sweeps) * aim.seeds, "seeds": aim.seeds}
    values["asked"] = aim.precision
    return _one(found[0], aim, values, runs) if len(found) == 1 else _several(found, aim, values, runs)


def _one(own: Searched, aim: Aim, values: Mapping[str, Value], runs: tuple[str, ...]) -> Finding:
    told = {**values, "lrs": len(own.table.lrs)}
    if math.isinf(own.decades):
        return Finding("search", QUESTION, Verdict.INCONCLUSIVE, Message("search.open", told), runs=runs)
    spent = "seeds" if len(own.table.seeds) >= aim.seeds else "budget"
    end = "reached" if own.decades <= aim.precision else spent
    statement = Message(f"search.{end}", told | {"width": own.decades})
    verdict = Verdict.SUPPORTED if end == "reached" else Verdict.INCONCLUSIVE
    return Finding("search", QUESTION, verdict, statement, own.decades, unit="decades", runs=runs)


def _several(found: Sequence[Searched], aim: Aim, values: Mapping[str, Value], runs: tuple[str, ...]) -> Finding:
    widths = {own.sweep.arm.name: own.decades for own in found}
    level, reached = len(found[0].table.seeds), sum(decades <= aim.precision for decades in widths.values())
    told = {**values, "arms": len(found), "reached": reached}
    if level >= aim.seeds:
        statement = Message("search.arms.seeds", told)
    else:
        statement = Message("search.arms.budget", told | {"level": level})
    details = {name: None if math.isinf(decades) else decades for name, decades in widths.items()}
    verdict, widest = Verdict.INCONCLUSIVE, None
    if reached == len(found):
        verdict, widest = Verdict.SUPPORTED, max(widths.values())
    return Finding(
        "search", QUESTION, verdict, statement, widest, unit="decades", details={"decades": details}, runs=runs
    )


def _rows(sweeps: Sequence[Sweep]) -> int:
    """Learning rates of all sweeps; what two of them share counts once."""
    return len({replace(s.arm.base, peak_lr=float(lr), seed=0).hash for s in sweeps for lr in s.table.lrs})
