"""What the étude ``adaptive`` draws beside the figures of every race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from etude.analysis.race.adaptive_findings import measured_bands
from etude.analysis.race.cliques import cliques
from etude.analysis.race.effective import Bands, bands
from etude.analysis.race.reading import Race
from etude.analysis.race.untuned import regrets_at
from etude.analysis.statistics import means
from etude.core.message import Message
from etude.report.figures import Arm, BandFigure, BandPanel, Line, LineFigure, RaceFigure
from etude.report.page import Cell, Column, Table

OCTAVES_SHOWN = 5.0
"""On either side of the best: a factor of 32, about as wrong as usual learning rates are."""

REGRET_SHOWN = 0.25
"""Share of the descent up to which valleys are drawn; above it they all look like walls."""

MOMENTS_SHOWN = 1e-3
"""How far below the smallest median moments are drawn, as a share of it."""

FIRST_SHOWN = ("Adam", "RMSprop", "Adagrad", "Adadelta", "RAdam", "Prodigy")
"""Rules of the panels that are seen before the reader chooses others: one of each kind."""


def basin_figure(race: Race) -> tuple[RaceFigure, ...]:
    """Widths of the basins, the widest first; none when fewer than two are known."""
    found = race.forgiveness
    names = list(found.basins)
    if len(names) < 2 or found.widest is None:
        return ()
    narrower = {pair.first for pair in found.pairs if pair.resolved and pair.second == found.widest}
    contestants = []
    for name, basin in found.basins.items():
        low, high = basin.width_interval or (None, None)
        kind = "open" if basin.open_left or basin.open_right else "closed"
        contestants.append(
            Arm(
                name,
                basin.octaves,
                None if low is None else min(low, basin.octaves),
                None if high is None else max(high, basin.octaves),
                note=Message(f"adaptive.basin.{kind}", {"left": basin.left, "right": basin.right}),
                won=name not in narrower,
            )
        )
    groups = cliques({name: -basin.octaves for name, basin in found.basins.items()}, found.pairs)
    figure = RaceFigure(
        id="basins",
        title=Message("adaptive.basin.title"),
        caption=Message(
            "adaptive.basin.caption",
            {"tolerance": race.options.tolerance, "level": 100 * race.options.confidence, "pairs": len(found.pairs)},
        ),
        summary=Message(
            "adaptive.basin.summary",
            {"rules": len(names), "widest": found.widest, "octaves": found.basins[found.widest].octaves},
        ),
        x_label=Message("adaptive.axis.octaves"),
        arms=tuple(contestants),
        groups=tuple(tuple(names.index(name) for name in group) for group in groups),
        lower_is_better=False,
    )
    return (figure,)


def shapes_figure(race: Race) -> LineFigure:
    """Regret against octaves from each rule's own best."""
    descent = float(np.mean(race.best.table.baseline(race.metric))) - race.best.mean
    lines = []
    for arm in race.arms:
        level = means(arm.table.result(race.metric))
        lines.append(Line(arm.name, np.log2(arm.table.lrs / arm.lr), level - level[arm.optimum.index]))
    return LineFigure(
        id="shapes",
        title=Message("adaptive.shapes.title"),
        caption=Message("adaptive.shapes.caption", {"share": REGRET_SHOWN}),
        summary=Message("adaptive.shapes.summary", {"rules": len(lines)}),
        x_label=Message("adaptive.axis.from_best"),
        y_label=Message("adaptive.axis.regret"),
        lines=tuple(lines),
        x_limits=(-OCTAVES_SHOWN, OCTAVES_SHOWN),
        y_limits=(0.0, REGRET_SHOWN * descent),
    )


def rates_figure(race: Race, adapting: Sequence[str]) -> tuple[BandFigure, ...]:
    """Effective learning rates over training; none when they were not measured."""
    measured = sorted(measured_bands(race, adapting), key=lambda own: own.name not in FIRST_SHOWN)
    panels = tuple(_panel(own, own.name) for own in measured)
    if not panels:
        return ()
    figure = BandFigure(
        id="rates",
        title=Message("adaptive.rates.title"),
        caption=Message("adaptive.rates.caption"),
        summary=Message("adaptive.rates.summary", {"rules": len(panels)}),
        y_label=Message("adaptive.axis.rate"),
        panels=panels,
    )
    return (figure,)


def moments_figure(race: Race, rule: str = "Adam") -> tuple[BandFigure, ...]:
    """|m̂| and √v̂ of one rule over training; none when they were not measured."""
    arm = next(arm for arm in race.arms if arm.name == rule)
    first, root = (bands(arm, quantity) for quantity in ("first_moment", "second_moment"))
    if first is None or root is None:
        return ()
    panels = (_panel(first, "|m̂|"), _panel(root, "√v̂"))
    # Weights without any gradient have a mean of zero, which no logarithmic axis shows.
    middle = min(float(panel.quantiles[:, 2].min()) for panel in panels)
    top = max(float(panel.quantiles.max()) for panel in panels)
    figure = BandFigure(
        id="moments",
        title=Message("adaptive.moments.title", {"rule": rule}),
        caption=Message("adaptive.moments.caption", {"lr": arm.lr}),
        summary=Message("adaptive.moments.summary", {"rule": rule}),
        y_label=Message("adaptive.axis.moment"),
        panels=panels,
        y_limits=(MOMENTS_SHOWN * middle, 2 * top),
    )
    return (figure,)


def usual_table(race: Race, usual: Mapping[str, float], untuned: Sequence[str]) -> Table:
    """Every rule at its usual learning rate beside its own best."""
    found = {own.name: own for own in regrets_at(race.arms, usual, race.options.confidence)}
    rows: list[tuple[Cell, ...]] = []
    for arm in race.ranked:
        name = Message("adaptive.usual.untuned", {"rule": arm.name}) if arm.name in untuned else arm.name
        own = found.get(arm.name)
        if own is None:
            rows.append((name, usual[arm.name], arm.lr, None, arm.mean, None, None))
            continue
        low, high = own.pair.interval
        regret = Message("page.value.interval", {"value": own.pair.difference, "low": low, "high": high})
        verdict = Message(f"adaptive.usual.{'resolved' if own.pair.resolved else 'chance'}")
        rows.append((name, own.lr, arm.lr, own.mean, arm.mean, regret, verdict))
    headings = ("rule", "usual", "best", "loss", "own_loss", "regret", "verdict")
    return Table(
        id="usual",
        title=Message("adaptive.usual.title"),
        columns=tuple(Column(Message(f"adaptive.usual.column.{name}")) for name in headings),
        rows=tuple(rows),
        caption=Message("adaptive.usual.caption", {"level": 100 * race.options.confidence}),
    )


def _panel(own: Bands, name: str) -> BandPanel:
    return BandPanel(name, own.steps, own.typical)
