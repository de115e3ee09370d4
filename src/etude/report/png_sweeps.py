"""Figures of one sweep over η, drawn with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from etude.report.catalogue import Language, say
from etude.report.figures import CurveFigure, LrFigure, Series, Text
from etude.report.sweep_data import MAX_DETAILED
from etude.report.words import word

COLOURS = ("#005a8c", "#b84300", "#00704f", "#8f4a86", "#c64be0", "#3f2a2a", "#8a8078")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "D", "s", "^")
INK, SOFT, GRID = "#1d1d1f", "#55585e", "#e5e2da"


def draw_lr(canvas: Any, figure: LrFigure, language: Language) -> None:
    """Quantities against η, and below them how often runs diverged."""
    ratios = [4, 1] if figure.divergence is not None else [1]
    panels = canvas.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    main = panels[0]
    main.set(xscale="log", ylabel=written(figure.y_label, language), title=written(figure.title, language))
    main.set_yscale("log" if figure.log_y else "linear")
    for i, series in enumerate(figure.series):
        _draw_series(main, figure, series, i, language)
    if figure.basin is not None:
        main.axvspan(*figure.basin, color="#0072b2", alpha=0.1, lw=0, label=written(word("mark.basin"), language))
    if figure.edge is not None:
        main.axvspan(*figure.edge, color="#b03a00", alpha=0.2, lw=0, label=written(word("mark.edge"), language))
    if figure.recommended is not None:
        main.axvline(figure.recommended, color=INK, ls="--", lw=1, label=written(word("mark.recommended"), language))
    for mark, dash in zip(figure.marks, [":", "-.", (0, (1, 3)), (0, (5, 3))], strict=False):
        main.axvline(mark.value, color=SOFT, ls=dash, lw=1, label=written(mark.label, language))
    main.set_ylim(figure.y_limits)
    place_legend(canvas, main)
    if figure.divergence is not None:
        d = figure.divergence
        p = d.diverged / d.runs
        whiskers = [np.maximum(p - d.low, 0), np.maximum(d.high - p, 0)]
        panels[1].errorbar(d.lrs, p, whiskers, fmt="s", ms=3, lw=0.8, color=COLOURS[1])
        panels[1].set(ylim=(-0.08, 1.08), ylabel=written(word("fact.divergence"), language))
    panels[-1].set_xlabel(written(word("axis.lr"), language))
    for panel in panels:
        tidy(panel)


def draw_curves(canvas: Any, figure: CurveFigure, language: Language) -> None:
    """Curves over training, coloured by their learning rate."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    panel = canvas.subplots()
    panel.set(xlabel=written(word("axis.step"), language), ylabel=written(figure.y_label, language))
    panel.set(title=written(figure.title, language), yscale="log" if figure.log_y else "linear")
    lrs = [curve.lr for curve in figure.curves] or [1.0]
    colour = ScalarMappable(LogNorm(min(lrs), max(lrs) if max(lrs) > min(lrs) else 10 * min(lrs)), "viridis")
    for curve in figure.curves:
        panel.plot(curve.steps, curve.mean, lw=1.1, color=colour.to_rgba(np.array(curve.lr)))
    if figure.target is not None:
        panel.axhline(figure.target, color=INK, ls="--", lw=1, label=written(word("mark.target"), language))
        panel.legend(frameon=False)
    panel.set_ylim(figure.y_limits)
    canvas.colorbar(colour, ax=panel, label=written(word("axis.lr"), language))
    tidy(panel)


def written(text: Text, language: Language) -> str:
    """A text as a label: matplotlib would read what stands between two dollar signs as a formula."""
    return say(text, language).replace("$", r"\$")


def place_legend(canvas: Any, panel: Any) -> None:
    """Inside the panel while it is small, else in columns below the panels."""
    handles, labels = panel.get_legend_handles_labels()
    if len(labels) <= MAX_DETAILED:
        panel.legend(frameon=False, loc="best")
    else:
        columns = 2 if max(map(len, labels)) > 30 else 3
        canvas.legend(handles, labels, frameon=False, loc="outside lower center", ncols=columns, fontsize=7)


def tidy(panel: Any) -> None:
    """A frame that is open at the top and at the right, and a pale grid behind everything."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(color=GRID, lw=0.6)
    panel.set_axisbelow(True)


def _draw_series(main: Any, figure: LrFigure, series: Series, i: int, language: Language) -> None:
    colour, detailed = COLOURS[i % 7], len(figure.series) <= MAX_DETAILED
    style: dict[str, Any] = {"color": colour, "ls": DASHES[i % 4], "label": written(series.name, language)}
    if series.points is not None:
        style |= {"marker": MARKERS[i % 4], "ms": 4}
        if detailed:
            lrs = np.repeat(figure.lrs, series.points.shape[1])
            main.plot(lrs, series.points.ravel(), ".", color=colour, ms=3, alpha=0.4)
    known = np.isfinite(np.column_stack([s.mean for s in figure.series])).any(axis=1)
    kept = np.isfinite(series.mean) | ~known  # as in the page: the line goes on across grids of other series
    main.plot(figure.lrs[kept], series.mean[kept], lw=1.4, **style)
    if series.low is not None and series.high is not None and detailed:
        main.fill_between(figure.lrs[kept], series.low[kept], series.high[kept], color=colour, alpha=0.15, lw=0)
