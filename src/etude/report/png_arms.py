"""Figures that compare arms, drawn with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude.report.catalogue import Language
from etude.report.field_data import colour_limits
from etude.report.figures import (
    Array,
    BandFigure,
    BandPanel,
    HeatAxis,
    HeatFigure,
    Line,
    LineFigure,
    RaceFigure,
    SurfaceFigure,
)
from etude.report.numbers import number
from etude.report.png_sweeps import COLOURS, DASHES, INK, MARKERS, SOFT, place_legend, tidy, written
from etude.report.race_data import lanes, ranked_groups, ranking
from etude.report.words import word


def draw_race(canvas: Any, figure: RaceFigure, language: Language) -> None:
    """One row per arm, the best on top, with bars that join arms that are not told apart."""
    main, bars = canvas.subplots(1, 2, sharey=True, width_ratios=[5, 1])
    main.set(xscale="log" if figure.log_x else "linear", xlabel=written(figure.x_label, language))
    canvas.suptitle(written(figure.title, language), fontsize=10)
    arms = [figure.arms[i] for i in ranking(figure)]
    for row, arm in enumerate(arms):
        colour = COLOURS[0] if arm.won else SOFT
        if arm.points is not None:
            main.plot(arm.points, np.full(len(arm.points), row), ".", ms=3, alpha=0.4, color=colour)
        if (ends := figure.interval(arm)) is not None:
            main.plot(ends, [row, row], lw=1.8, color=colour)
        main.plot([arm.value], [row], "o", ms=6, mfc=colour if arm.won else "white", mec=colour, mew=1.4)
        if np.isnan(arm.value):
            missing = written(word("missing.diverged"), language)
            main.annotate(missing, (0.02, row), xycoords=("axes fraction", "data"), va="center", color=SOFT)
    main.set_yticks(range(len(arms)), [written(arm.name, language) for arm in arms])
    for arm, label in zip(arms, main.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if arm.won else "normal")
    main.set(xlim=figure.x_limits, ylim=(len(arms) - 0.5, -0.5))
    groups = ranked_groups(figure)
    for lane, group in zip(lanes(groups), groups, strict=True):
        bars.plot([lane] * len(group), group, "o-", color=INK, ms=3.5, lw=1.6)
    bars.set_xlim(-1, 7)
    bars.set_axis_off()
    tidy(main)


def draw_lines(canvas: Any, figure: LineFigure, language: Language) -> None:
    """Named lines, bands and labelled straight lines."""
    panel = canvas.subplots()
    panel.set(xlabel=written(figure.x_label, language), ylabel=written(figure.y_label, language))
    panel.set(title=written(figure.title, language), xscale="log" if figure.log_x else "linear")
    panel.set_yscale("log" if figure.log_y else "linear")
    for i, line in enumerate(figure.lines):
        _draw_line(panel, line, i, language)
    for marks, across in ((figure.verticals, panel.axvline), (figure.horizontals, panel.axhline)):
        for mark, dash in zip(marks, [":", "-.", (0, (1, 3)), (0, (5, 3))], strict=False):
            across(mark.value, color=SOFT, ls=dash, lw=1, label=written(mark.label, language))
    panel.set(xlim=figure.x_limits, ylim=figure.y_limits)
    place_legend(canvas, panel)
    tidy(panel)


def draw_heat(canvas: Any, figure: HeatFigure, language: Language) -> None:
    """Coloured cells; those without a number show the hatched ground."""
    from matplotlib.colors import LogNorm, Normalize

    panel = canvas.subplots()
    low, high = colour_limits(figure)
    norm = (LogNorm if figure.log_colour else Normalize)(low, high if high > low else low + 1)
    columns, rows = _edges(figure.x), _edges(figure.y)
    panel.patch.set(hatch="////", facecolor="#f4f1ea", edgecolor="#a9a69f")
    values = np.ma.masked_invalid(figure.values)
    cells = panel.pcolormesh(columns, rows, values, norm=norm, cmap="viridis")
    for row, column in figure.marks:
        xs, ys = columns[[column, column + 1, column + 1, column, column]], rows[[row, row, row + 1, row + 1, row]]
        panel.plot(xs, ys, color="white", lw=3)
        panel.plot(xs, ys, color=INK, lw=1.4)
    for which, axis in (("x", figure.x), ("y", figure.y)):
        _label(panel, which, axis, language)
    panel.set_title(written(figure.title, language))
    canvas.colorbar(cells, ax=panel, label=written(figure.value_label, language))


def draw_surface(canvas: Any, figure: SurfaceFigure, language: Language) -> None:
    """Contours with the trajectories of the middle learning rate."""
    every = sorted({t.lr for panel in figure.panels for t in panel.trajectories})
    lr = every[len(every) // 2]
    positive = figure.values[figure.values > 0]
    field = np.log10(np.maximum(figure.values, positive.min())) if figure.log_levels else figure.values
    panels = canvas.subplots(1, len(figure.panels), sharex=True, sharey=True, squeeze=False)[0]
    for panel, method in zip(panels, figure.panels, strict=True):
        panel.contourf(figure.x, figure.y, field, levels=14, cmap="Blues_r", alpha=0.35)
        panel.contour(figure.x, figure.y, field, levels=14, colors=SOFT, linewidths=0.4)
        nearest = min(method.trajectories, key=lambda t: abs(np.log(t.lr / lr)))
        points = nearest.points[np.isfinite(nearest.points).all(axis=1)]
        panel.plot(points[:, 0], points[:, 1], ".-", color=COLOURS[1], lw=1.2, ms=3)
        panel.plot(points[:1, 0], points[:1, 1], "o", mfc="white", mec=COLOURS[1], ms=6)
        panel.set(
            xlim=(figure.x[0], figure.x[-1]), ylim=(figure.y[0], figure.y[-1]), xlabel=written(figure.x_label, language)
        )
        panel.set_title(f"{written(method.name, language)}\nη = {number(nearest.lr)}", fontsize=8)
    panels[0].set_ylabel(written(figure.y_label, language))
    canvas.suptitle(written(figure.title, language), fontsize=10)


def draw_bands(canvas: Any, figure: BandFigure, language: Language) -> None:
    """A panel per arm, for the first of them."""
    shown = figure.panels[: figure.shown]
    columns = min(len(shown), figure.columns)
    panels = canvas.subplots(-(-len(shown) // columns), columns, sharex=True, sharey=True, squeeze=False)
    for panel, arm in zip(panels.flat, shown, strict=False):
        _draw_band(panel, arm)
        panel.set_yscale("log" if figure.log_y else "linear")
        panel.set_title(written(arm.name, language), fontsize=8)
        for mark in figure.horizontals:
            panel.axhline(mark.value, color=COLOURS[1], ls="--", lw=1, label=written(mark.label, language))
        tidy(panel)
    for panel in panels.flat[len(shown) :]:
        panel.set_axis_off()
    panels.flat[0].set_ylim(figure.y_limits)
    canvas.suptitle(written(figure.title, language), fontsize=10)
    canvas.supylabel(written(figure.y_label, language), fontsize=9)
    canvas.supxlabel(written(word("axis.step"), language), fontsize=9)
    if figure.horizontals:
        panels.flat[0].legend(frameon=False, fontsize=7)


def _draw_line(panel: Any, line: Line, i: int, language: Language) -> None:
    index = i if line.like is None else line.like
    style: dict[str, Any] = {"color": COLOURS[index % 7], "label": written(line.name, language), "lw": 1.4}
    if line.style == "points":
        panel.plot(line.x, line.y, MARKERS[index % 4], ms=4, **style)
    else:
        dash = (0, (5, 3)) if line.style == "dashed" else ("-", "-.", ":", (0, (7, 2, 2, 2)))[i % 4]
        panel.plot(line.x, line.y, ls=dash if line.like is None or line.style == "dashed" else DASHES[0], **style)
    if line.low is None or line.high is None:
        return
    if line.style == "points":
        panel.vlines(line.x, line.low, line.high, color=style["color"], lw=0.9)
    else:
        panel.fill_between(line.x, line.low, line.high, color=style["color"], alpha=0.15, lw=0)


def _draw_band(panel: Any, arm: BandPanel) -> None:
    for low, high, alpha in ((0, 4, 0.18), (1, 3, 0.32)):
        panel.fill_between(
            arm.steps, arm.quantiles[:, low], arm.quantiles[:, high], color=COLOURS[0], alpha=alpha, lw=0
        )
    panel.plot(arm.steps, arm.quantiles[:, 2], color=COLOURS[0], lw=1.3)


def _edges(axis: HeatAxis) -> Array:
    if not isinstance(axis.values, np.ndarray):
        return np.arange(len(axis.values) + 1, dtype=np.float64) - 0.5
    centres: Array = np.log10(axis.values) if axis.log else axis.values
    between = (centres[1:] + centres[:-1]) / 2
    first, last = (between[0], between[-1]) if len(between) else (centres[0] + 0.5, centres[0] - 0.5)
    edges: Array = np.concatenate([[2 * centres[0] - first], between, [2 * centres[-1] - last]])
    return 10**edges if axis.log else edges


def _label(panel: Any, which: str, axis: HeatAxis, language: Language) -> None:
    panel.set(**{f"{which}label": written(axis.label, language)})
    if isinstance(axis.values, np.ndarray):
        panel.set(**{f"{which}scale": "log" if axis.log else "linear"})
        return
    names = [written(name, language) for name in axis.values]
    if which == "y":
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -0.5)
    else:
        turned = {"rotation": 45, "ha": "right"} if max(map(len, names)) * len(names) > 60 else {}
        panel.set_xticks(range(len(names)), names, **turned)
