"""The answer in a few lines: title, sentence, a small plot, the findings, where the report is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etude.core.finding import Finding, Verdict
from etude.report.catalogue import Language, say
from etude.report.figures import Array, RaceFigure
from etude.report.numbers import number
from etude.report.page import LrFigure, Page
from etude.report.race_data import race_table as figure_table
from etude.report.race_data import ranking
from etude.report.words import estimate, word

_BARS = "▁▂▃▄▅▆▇█"
_STYLE = {Verdict.SUPPORTED: "green", Verdict.REFUTED: "red", Verdict.INCONCLUSIVE: "yellow"}


def print_page(page: Page, console: Console, language: Language = "en", report: Path | None = None) -> None:
    """Print what a reader needs at once; on anything but a terminal it is plain text.

    Nothing in the page is read as markup: names may contain brackets.
    """
    console.print(Text(say(page.title, language), style="bold"))
    if page.subtitle is not None:
        console.print(Text(say(page.subtitle, language), style="dim"))
    console.print()
    for sentence in page.answer:
        console.print(Text(say(sentence, language)))
    for note in page.notes:
        console.print(Text("! " + say(note, language), style="yellow"))
    for drawn in _drawing(page, language):
        console.print()
        console.print(drawn)
    if page.findings:
        console.print()
        console.print(_table(page.findings, language))
    if report is not None:
        console.print()
        console.print(Text(f"{say(word('terminal.report'), language)}  {report}"), soft_wrap=True)


def race_table(figure: RaceFigure, language: Language = "en") -> Table:
    """A race as a table, best arm first; arms that share a letter are not told apart by the seeds."""
    headings, rows = figure_table(figure)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, heading in enumerate(headings):
        numbers = column in (0, 2)
        table.add_column(
            Text(heading[language]), justify="right" if numbers else "left", overflow="fold", no_wrap=column == 0
        )
    won = [figure.arms[i].won for i in ranking(figure)]
    for first, row in zip(won, rows, strict=True):
        table.add_row(*(Text(cell[language]) for cell in row), style="bold" if first else "")
    return table


def text_plot(figure: LrFigure, language: Language = "en") -> list[str]:
    """The first series of a figure as a row of bars, one for each learning rate; × where there is no number.

    Bars are as high as the number on the figure's own axis, linear or logarithmic: lower is a smaller number.
    """
    means = figure.series[0].mean
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    bars = "".join(_bar(float(level)) for level in _levels(means, figure.log_y))
    marks = [" "] * len(figure.lrs)
    for lr, symbol in ((figure.best.value if figure.best else None, "○"), (figure.recommended, "▲")):
        if lr is not None:
            marks[int(np.argmin(np.abs(np.log(figure.lrs / lr))))] = symbol
    left, right = number(float(figure.lrs[0])), number(float(figure.lrs[-1]))
    legend = [
        f"{symbol} {say(word(key), language)} {number(lr)}"
        for symbol, key, lr in (
            ("○", "mark.best", figure.best.value if figure.best else None),
            ("▲", "mark.recommended", figure.recommended),
        )
        if lr is not None
    ]
    title = say(word("terminal.plot", name=say(figure.y_label, language)), language)
    axis = "η " + left + " " * max(len(bars) - len(left) - len(right), 1) + right
    return [
        f"{title} ({number(low)} – {number(high)})",
        f"  {bars}",
        *([f"  {''.join(marks).rstrip()}", axis, "  " + "   ".join(legend)] if legend else [axis]),
    ]


def _drawing(page: Page, language: Language) -> list[Table | Text]:
    """The first race, or the first figure against η of a single sweep."""
    race = next((f for f in page.figures if isinstance(f, RaceFigure)), None)
    if race is not None:
        return [race_table(race, language), Text(say(word("letters"), language), style="dim")]
    figure = next((f for f in page.figures if isinstance(f, LrFigure) and len(f.series) <= 2), None)
    if figure is None or not np.isfinite(figure.series[0].mean).any():
        return []
    return [Text("\n".join(text_plot(figure, language)))]


def _levels(means: Array, log: bool) -> Array:
    finite = np.isfinite(means) & ((means > 0) | (not log))
    values = np.full(len(means), np.nan)
    values[finite] = np.log(means[finite]) if log else means[finite]
    if not finite.any():
        return values
    low, high = np.nanmin(values), np.nanmax(values)
    return (values - low) / (high - low) if high > low else np.where(finite, 0.5, np.nan)


def _bar(level: float) -> str:
    return "×" if math.isnan(level) else _BARS[round(level * (len(_BARS) - 1))]


def _table(findings: tuple[Finding, ...], language: Language) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say(word("question"), language))
    table.add_column(say(word("estimate"), language), justify="right")
    table.add_column(say(word("verdict.heading"), language), no_wrap=True)
    for finding in findings:
        verdict = Text(say(word(f"verdict.{finding.verdict.value}"), language), style=_STYLE[finding.verdict])
        table.add_row(Text(say(finding.question, language)), Text(say(estimate(finding), language)), verdict)
    return table
