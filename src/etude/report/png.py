"""The first figure of a page against the learning rate, as a PNG."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from etude.core.errors import UserError
from etude.report.catalogue import Language, say
from etude.report.page import LrFigure, Page, Series
from etude.report.words import word

_COLOURS = ("#005a8c", "#b84300", "#00704f", "#8f4a86")
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "D", "s", "^")
_CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Heiti SC", "Microsoft YaHei", "SimHei")


def write_png(page: Page, path: Path, language: Language = "en") -> Language:
    """Draw the page's first ``LrFigure``; returns the language of its labels.

    Chinese labels need a Chinese font on this machine; without one the labels are English, a warning says so, and
    ``"en"`` is returned.

    Raises:
        UserError: When matplotlib is missing, or the page has no figure against the learning rate.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise UserError('a PNG needs matplotlib, which is not installed: pip install "etude[png]"') from missing
    figure = next((f for f in page.figures if isinstance(f, LrFigure)), None)
    if figure is None:
        raise UserError(f"the study {page.study!r} has no figure against the learning rate: use the HTML report")
    fonts = ["DejaVu Sans"]
    if language == "zh":
        chinese = _chinese_font()
        if chinese is None:
            warnings.warn(say(word("png.no_chinese")), stacklevel=2)
            language = "en"
        else:
            fonts.append(chinese)
    with rc_context({"font.family": fonts, "font.size": 9, "axes.unicode_minus": False}):
        canvas = FigureCanvasAgg(Figure(figsize=(7.2, 4.4), dpi=200, layout="constrained"))
        _draw(canvas.figure, figure, language)
        canvas.figure.savefig(path, format="png")
    return language


def _draw(canvas: Any, figure: LrFigure, language: Language) -> None:
    ratios = [4, 1] if figure.divergence is not None else [1]
    panels = canvas.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    main = panels[0]
    main.set(xscale="log", ylabel=say(figure.y_label, language), title=say(figure.title, language))
    main.set_yscale("log" if figure.log_y else "linear")
    for i, series in enumerate(figure.series):
        _draw_series(main, figure, series, i, language)
    if figure.basin is not None:
        main.axvspan(*figure.basin, color="#0072b2", alpha=0.1, lw=0, label=say(word("mark.basin"), language))
    if figure.edge is not None:
        main.axvspan(*figure.edge, color="#b03a00", alpha=0.2, lw=0, label=say(word("mark.edge"), language))
    if figure.recommended is not None:
        main.axvline(figure.recommended, color="#1d1d1f", ls="--", lw=1, label=say(word("mark.recommended"), language))
    main.set_ylim(figure.y_limits)
    main.legend(frameon=False, loc="best")
    if figure.divergence is not None:
        d = figure.divergence
        p = d.diverged / d.runs
        whiskers = [np.maximum(p - d.low, 0), np.maximum(d.high - p, 0)]
        panels[1].errorbar(d.lrs, p, whiskers, fmt="s", ms=3, lw=0.8, color=_COLOURS[1])
        panels[1].set(ylim=(-0.08, 1.08), ylabel=say(word("fact.divergence"), language))
    panels[-1].set_xlabel(say(word("axis.lr"), language))
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e5e2da", lw=0.6)
        panel.set_axisbelow(True)


def _draw_series(main: Any, figure: LrFigure, series: Series, i: int, language: Language) -> None:
    style: dict[str, Any] = {"color": _COLOURS[i % 4], "ls": _DASHES[i % 4], "label": say(series.name, language)}
    if series.points is not None:
        lrs = np.repeat(figure.lrs, series.points.shape[1])
        main.plot(lrs, series.points.ravel(), ".", color=_COLOURS[i % 4], ms=3, alpha=0.4)
        style |= {"marker": _MARKERS[i % 4], "ms": 4}
    main.plot(figure.lrs, series.mean, lw=1.4, **style)
    if series.low is not None and series.high is not None:
        main.fill_between(figure.lrs, series.low, series.high, color=_COLOURS[i % 4], alpha=0.15, lw=0)


def _chinese_font() -> str | None:
    from matplotlib import font_manager as fm

    known = {face.name for face in fm.fontManager.ttflist}
    if not known.intersection(_CHINESE):
        # matplotlib's list of fonts may be older than the fonts
        for path in fm.findSystemFonts():
            if "CJK" in path:
                fm.fontManager.addfont(path)
        known = {face.name for face in fm.fontManager.ttflist}
    return next((name for name in _CHINESE if name in known), None)
