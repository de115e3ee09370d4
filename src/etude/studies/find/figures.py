"""The figures of the étude ``find``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from etude.analysis.finder.price import RULES, Price, compare_prices, suggestions
from etude.analysis.finder.ramp import smoothed
from etude.analysis.race.cliques import cliques, unbeaten
from etude.core.message import Message, Value
from etude.report.figures import Arm as Contestant
from etude.report.figures import Line, LineFigure, Mark, RaceFigure
from etude.report.page import Cell, Column, LrFigure, Series, Table, Text
from etude.studies.find.arms import USUAL
from etude.studies.find.find import Reading
from etude.studies.races import Labels, valleys_figure

HEADROOM = 0.25


def ramp_figure(reading: Reading) -> LrFigure:
    """The ramps of the usual length, smoothed, with what each rule reads off them."""
    ramps = reading.ramps[USUAL]
    lrs = max((ramp.lrs for ramp in ramps), key=len)
    curves = np.full((len(lrs), len(ramps)), np.nan)
    for column, ramp in zip(curves.T, ramps, strict=True):
        finite = np.isfinite(ramp.losses)
        column[: int(finite.sum())] = smoothed(ramp.losses[finite])
    start, lowest = float(np.mean([ramp.losses[0] for ramp in ramps])), float(np.nanmin(curves))
    room = HEADROOM * (start - lowest) if start > lowest else 1.0
    return LrFigure(
        id="ramp",
        title=Message("find_study.ramp.title", {"steps": USUAL}),
        caption=Message("find_study.ramp.caption"),
        summary=Message("find_study.ramp.summary", {"low": float(lrs[0]), "high": float(lrs[-1])}),
        y_label=Message("page.axis.train_loss"),
        lrs=lrs,
        series=(Series(Message("find_study.ramp.series"), curves.mean(axis=1), points=curves),),
        y_limits=(lowest - room, start + room),
        marks=_marks(reading),
    )


def truth_figure(reading: Reading, labels: Labels) -> LrFigure:
    """Final loss against η at every horizon, with the suggestions of the rules."""
    return replace(
        valleys_figure(reading.along.arms, labels),
        id="truth",
        title=Message("find_study.truth.title"),
        caption=Message("find_study.truth.caption"),
        marks=_marks(reading),
        recommended=reading.along.arms[-1].lr,
    )


def _marks(reading: Reading) -> tuple[Mark, ...]:
    return tuple(Mark(p.lr, p.name) for p in reading.rules)


def price_figure(reading: Reading, confidence: float) -> RaceFigure:
    """What every method loses, with its interval over seeds; bars join methods that the seeds do not tell apart."""
    prices = reading.prices
    pairs = compare_prices(prices, confidence)
    level, place = {p.name: p.mean for p in prices}, {p.name: i for i, p in enumerate(prices)}
    won = unbeaten(level, pairs)
    return RaceFigure(
        id="price",
        title=Message("find_study.price.title"),
        caption=Message("find_study.price.caption", {"level": 100 * confidence, "methods": len(prices)}),
        summary=Message("find_study.price.summary", {"methods": len(prices), "least": 100 * level[won[0]]}),
        x_label=Message("find_study.axis.regret"),
        arms=tuple(_contestant(p, won=p.name in won) for p in prices),
        groups=tuple(tuple(place[name] for name in group) for group in cliques(level, pairs)),
    )


def _contestant(p: Price, *, won: bool) -> Contestant:
    low, high = (100 * end if np.isfinite(end) else None for end in p.interval)
    note = Message("race.at_lr", {"lr": p.lr})
    return Contestant(method(p), 100 * p.mean, low, high, points=100 * p.regrets, note=note, won=won)


def method(p: Price) -> Text:
    """What the reader calls a method."""
    if p.name in RULES:
        return Message("find_study.method.rule", {"rule": p.name})
    if p.name == "default":
        return Message("find_study.method.default")
    return Message("find_study.method.short", {"steps": int(p.name.removeprefix("constant "))})


def price_table(reading: Reading) -> Table:
    """Every method in a row."""
    rows: list[tuple[Cell, ...]] = []
    for p in sorted(reading.prices, key=lambda p: p.mean):
        named = p.lrs[np.isfinite(p.lrs)]
        rows.append((method(p), p.steps, p.lr, float(named.min()), float(named.max()), p.mean, float(p.regrets.max())))
    names = ("method", "steps", "lr", "lowest", "highest", "mean", "most")
    formats = {"method": ".3g", "steps": "d", "mean": ".1%", "most": ".1%"}
    return Table(
        id="methods",
        title=Message("find_study.table.title"),
        columns=tuple(Column(Message(f"find_study.table.{name}"), formats.get(name, ".2g")) for name in names),
        rows=tuple(rows),
        caption=Message("find_study.table.caption"),
    )


def length_figure(reading: Reading) -> LineFigure:
    """What the rules say of ramps of other lengths."""
    lengths = np.array(sorted(reading.ramps), dtype=np.float64)
    logs = [{r: np.log(v) for r, v in suggestions(reading.ramps[int(n)]).items()} for n in lengths]
    lines = []
    for rule in RULES:
        own = np.array([[np.nanmean(log[rule]), np.nanmin(log[rule]), np.nanmax(log[rule])] for log in logs])
        middle, low, high = np.exp(own).T
        lines.append(Line(rule, lengths, middle, low, high))
    best = reading.along.arms[-1].lr
    return LineFigure(
        id="length",
        title=Message("find_study.length.title"),
        caption=Message("find_study.length.caption"),
        summary=Message("find_study.length.summary", {"rules": len(lines), "lengths": len(lengths)}),
        x_label=Message("find_study.axis.length"),
        y_label=Message("page.axis.lr"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
        horizontals=(Mark(best, Message("find_study.length.best")),),
    )


def drift_figure(reading: Reading, level: float) -> LineFigure:
    """The best η of every horizon, with its interval and the power law through them."""
    along = reading.along
    known = [r.evidence.against_best is None for r in along.readings]
    steps = np.array(along.values)
    best = np.array([r.optimum.lr if k else np.nan for r, k in zip(along.readings, known, strict=True)])
    ends = np.array(
        [
            (r.optimum.interval or (np.nan, np.nan)) if k else (np.nan, np.nan)
            for r, k in zip(along.readings, known, strict=True)
        ]
    )
    lines = [Line(Message("along.track.best"), steps, best, ends[:, 0], ends[:, 1])]
    values: dict[str, Value] = {"horizons": len(steps)}
    if along.trend is not None:
        fitted = np.isin(steps, along.trend.values)
        middle, centre = np.exp(np.log(best[fitted]).mean()), np.exp(np.log(steps[fitted]).mean())
        law = middle * (steps / centre) ** along.trend.power
        lines.append(Line(Message("find_study.drift.law", {"power": along.trend.power}), steps, law))
    return LineFigure(
        id="drift",
        title=Message("find_study.drift.title"),
        caption=Message("find_study.drift.caption", {"level": level}),
        summary=Message("find_study.drift.summary", values),
        x_label=Message("find_study.axis.horizon"),
        y_label=Message("page.axis.lr"),
        lines=tuple(lines),
        log_x=True,
        log_y=True,
    )
