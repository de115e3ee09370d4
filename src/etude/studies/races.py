"""What every race between arms draws: who won, at which learning rate, and what another's learning rate costs.

Arms are compared as ``etude.analysis.race`` does: each at its own tuned peak, paired over seeds, corrected for the number
of comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from etude.analysis.options import SweepOptions
from etude.analysis.planning import Plan
from etude.analysis.race.cliques import cliques, unbeaten
from etude.analysis.race.forgiveness import Forgiveness
from etude.analysis.race.pace import Paces
from etude.analysis.race.pairs import Pair
from etude.analysis.race.price import Prices
from etude.analysis.race.tuned import TunedArm
from etude.analysis.refining import refine
from etude.analysis.statistics import means
from etude.analysis.summary import summarize_curves
from etude.core.message import Message
from etude.report.figures import Arm as Contestant
from etude.report.figures import HeatAxis, HeatFigure, Line, LineFigure, RaceFigure
from etude.report.page import Cell, Column, LrFigure, Series, Table, Text
from etude.studies.arms import Sweep
from etude.studies.figures import spans_decades

Labels = Mapping[str, Text]
"""What the reader calls each arm, by its name."""


def refine_each(metric: str, resolution: float = 0.5) -> Callable[[Sequence[Sweep]], dict[str, Plan]]:
    """A plan for ``Etude.plan``: every arm's coarse grid is refined around its best learning rate."""
    return lambda sweeps: {s.arm.name: refine(s.table, metric, s.options, resolution) for s in sweeps}


def labels_of(sweeps: Sequence[Sweep]) -> dict[str, Text]:
    """The labels of the sweeps' arms by name."""
    return {sweep.arm.name: sweep.arm.label for sweep in sweeps}


def contest_figure(
    arms: Sequence[TunedArm], pairs: Sequence[Pair], labels: Labels, options: SweepOptions
) -> RaceFigure:
    """The critical-difference figure: every arm at its own tuned peak, bars joining what the seeds do not tell apart."""
    place = {arm.name: i for i, arm in enumerate(arms)}
    level = {arm.name: arm.mean for arm in arms}
    won = unbeaten(level, pairs)
    return RaceFigure(
        id="contest",
        title=Message("race.contest.title"),
        caption=Message("race.contest.caption", {"level": 100 * options.confidence, "pairs": len(pairs)}),
        summary=Message("race.contest.summary", {"arms": len(arms), "won": len(won)}),
        x_label=Message(f"page.axis.{arms[0].metric}"),
        arms=tuple(
            Contestant(
                labels[arm.name],
                arm.mean,
                *arm.interval(options.confidence),
                points=arm.tuned,
                note=Message("race.at_lr", {"lr": arm.lr}),
                won=arm.name in won,
            )
            for arm in arms
        ),
        groups=tuple(tuple(place[name] for name in group) for group in cliques(level, pairs)),
        log_x=spans_decades([np.array([arm.mean for arm in arms])]),
    )


def valleys_figure(arms: Sequence[TunedArm], labels: Labels) -> LrFigure:
    """Final loss against η, one line for each arm, on the union of their grids."""
    metric = arms[0].metric
    lrs = np.unique(np.concatenate([arm.table.lrs for arm in arms]))
    initial = float(np.mean(arms[0].table.baseline(metric)))
    series = []
    for arm in arms:
        mean = np.full(len(lrs), np.nan)
        mean[np.searchsorted(lrs, arm.table.lrs)] = means(arm.table.result(metric))
        series.append(Series(labels[arm.name], mean))
    level = np.concatenate([s.mean[np.isfinite(s.mean)] for s in series])
    return LrFigure(
        id="valleys",
        title=Message(f"race.valleys.title.{metric}"),
        caption=Message("race.valleys.caption"),
        summary=Message("race.valleys.summary", {"arms": len(arms), "initial": initial}),
        y_label=Message(f"page.axis.{metric}"),
        lrs=lrs,
        series=tuple(series),
        log_y=spans_decades([level]),
    )


def ways_figure(arms: Sequence[TunedArm], metric: str, labels: Labels, options: SweepOptions) -> LineFigure:
    """An evaluated loss over the steps, each arm at its own tuned peak."""
    lines = []
    for arm in arms:
        curve = summarize_curves(arm.table, metric, options)[arm.optimum.index]
        lines.append(Line(labels[arm.name], curve.steps, curve.mean))
    return LineFigure(
        id="ways",
        title=Message(f"race.ways.title.{metric}"),
        caption=Message("race.ways.caption"),
        summary=Message("race.ways.summary", {"arms": len(arms)}),
        x_label=Message("page.axis.step"),
        y_label=Message(f"page.axis.{metric}"),
        lines=tuple(lines),
        log_y=spans_decades([line.y for line in lines]),
    )


def price_figure(found: Prices, labels: Labels) -> HeatFigure:
    """Regret of every arm (row) at every arm's tuned peak (column)."""
    names = tuple(labels[name] for name in found.names)
    positive = found.regret[np.isfinite(found.regret) & (found.regret > 0)]
    return HeatFigure(
        id="price",
        title=Message("race.price.title"),
        caption=Message("race.price.caption"),
        summary=Message("race.price.summary", {"arms": len(names), "most": float(positive.max(initial=0.0))}),
        x=HeatAxis(Message("race.price.x"), names),
        y=HeatAxis(Message("race.price.y"), names),
        value_label=Message("race.price.value"),
        values=found.regret,
        cell_format=".2g" if len(names) <= 12 else None,
        missing=Message("race.price.missing"),
    )


def race_table(
    arms: Sequence[TunedArm],
    pairs: Sequence[Pair],
    forgiving: Forgiveness,
    pace: Paces,
    labels: Labels,
    options: SweepOptions,
) -> Table:
    """Every arm in a row, the best first: tuned peak, loss with its interval, groups, basin, steps to the target."""
    letters = group_letters(arms, pairs)
    steps = {own.name: own.mean if np.isfinite(own.mean) else None for own in pace.arms}
    rows: list[tuple[Cell, ...]] = []
    for rank, arm in enumerate(sorted(arms, key=lambda arm: arm.mean), start=1):
        low, high = arm.interval(options.confidence)
        shown = (None, None) if low < 0 <= min(arm.tuned.min(), arm.held_out.min()) else (low, high)
        basin = forgiving.basins.get(arm.name)
        width = None if basin is None else basin.octaves
        rows.append((rank, labels[arm.name], arm.lr, arm.mean, *shown, letters[arm.name], width, steps[arm.name]))
    headings = ("rank", "arm", "lr", "loss", "low", "high", "group", "basin", "steps")
    formats = {"rank": "d", "loss": ".4g", "low": ".4g", "high": ".4g", "basin": ".2g", "steps": ".0f"}
    return Table(
        id="arms",
        title=Message("race.table.title"),
        columns=tuple(Column(Message(f"race.table.{name}"), formats.get(name, ".3g")) for name in headings),
        rows=tuple(rows),
        caption=Message("race.table.caption", {"level": 100 * options.confidence, "target": pace.target}),
    )


def group_letters(arms: Sequence[TunedArm], pairs: Sequence[Pair]) -> dict[str, str]:
    """Letters of the groups that each arm belongs to: arms that share one are not told apart."""
    found = cliques({arm.name: arm.mean for arm in arms}, pairs)
    alone = [(arm.name,) for arm in arms if not any(arm.name in group for group in found)]
    level = {arm.name: arm.mean for arm in arms}
    groups = sorted([*found, *alone], key=lambda group: min(level[name] for name in group))
    letters = "abcdefghijklmnopqrstuvwxyz"
    return {arm.name: "".join(letters[i % 26] for i, group in enumerate(groups) if arm.name in group) for arm in arms}
