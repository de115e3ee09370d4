"""The first figure of a page, as a PNG."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from etude.core.errors import UserError
from etude.report.catalogue import Language, say
from etude.report.figures import BandFigure, HeatFigure, LineFigure, RaceFigure, SurfaceFigure
from etude.report.page import CurveFigure, Figure, LrFigure, Page
from etude.report.png_arms import draw_bands, draw_heat, draw_lines, draw_race, draw_surface
from etude.report.png_sweeps import draw_curves, draw_lr
from etude.report.sweep_data import MAX_DETAILED
from etude.report.words import word

_CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Heiti SC", "Microsoft YaHei", "SimHei")


def write_png(page: Page, path: Path, language: Language = "en") -> Language:
    """Draw the page's first figure; returns the language of its labels.

    Chinese labels need a Chinese font on this machine; without one the labels are English, a warning says so, and
    ``"en"`` is returned.

    Raises:
        UserError: When matplotlib is missing, or the page has no figure.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
    except ImportError as missing:
        raise UserError('a PNG needs matplotlib, which is not installed: pip install "etude[png]"') from missing
    if not page.figures:
        raise UserError(f"the study {page.study!r} has no figure: use the HTML report")
    figure = page.figures[0]
    chinese = _chinese_font()  # names may be Chinese in any language
    if language == "zh" and chinese is None:
        warnings.warn(say(word("png.no_chinese")), stacklevel=2)
        language = "en"
    fonts = ["DejaVu Sans", *([chinese] if chinese else [])]
    with rc_context({"font.family": fonts, "font.size": 9, "axes.unicode_minus": False}):
        canvas = FigureCanvasAgg(Canvas(figsize=_size(figure), dpi=200, layout="constrained"))
        _draw(canvas.figure, figure, language)
        canvas.figure.savefig(path, format="png")
    return language


def _draw(canvas: Any, figure: Figure, language: Language) -> None:
    match figure:
        case LrFigure():
            draw_lr(canvas, figure, language)
        case CurveFigure():
            draw_curves(canvas, figure, language)
        case RaceFigure():
            draw_race(canvas, figure, language)
        case HeatFigure():
            draw_heat(canvas, figure, language)
        case LineFigure():
            draw_lines(canvas, figure, language)
        case SurfaceFigure():
            draw_surface(canvas, figure, language)
        case BandFigure():
            draw_bands(canvas, figure, language)


def _size(figure: Figure) -> tuple[float, float]:
    """Width and height [inches]: rows, panels and long legends need their room."""
    match figure:
        case RaceFigure():
            return 7.2, 1.2 + 0.24 * max(len(figure.arms), 6)
        case HeatFigure() if not isinstance(figure.y.values, np.ndarray):
            return 7.2, 2.4 + 0.24 * max(len(figure.y.values), 8)
        case LrFigure(series=many) | LineFigure(lines=many) if len(many) > MAX_DETAILED:
            return 7.2, 4.4 + 0.08 * len(many)
        case SurfaceFigure():
            return 7.2, 7.2 / max(len(figure.panels), 1.6) + 0.9
        case _:
            return 7.2, 4.4


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
