from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from etude.core.finding import Finding, Verdict
from etude.core.message import Message
from etude.report.catalogue import LANGUAGES, Language, say
from etude.report.page import Estimate, LrFigure, Page, Series
from etude.report.terminal import print_page, text_plot
from etude.report.words import estimate as estimate_of


def printed(page: Page, language: Language = "en", width: int = 90, report: Path | None = None) -> str:
    console = Console(file=StringIO(), width=width)
    print_page(page, console, language, report)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_answer_its_findings_and_the_place_of_the_report_are_printed_plainly(convergence: Page) -> None:
    text = printed(convergence, report=Path("study") / ("deep" * 30) / "report.html")
    assert "\x1b" not in text
    assert text.startswith("What does the learning rate do to convergence?\n")
    assert "The learning rate that trains best is η = 0.13 [0.09, 0.18]; use η = 0.079." in text
    assert "0.13 [0.09, 0.18]   supported" in text
    assert "cannot say" in text
    assert "deep" * 30 + "/report.html" in text


def test_the_same_is_said_in_chinese(convergence: Page) -> None:
    text = printed(convergence, "zh")
    assert text.startswith("学习率如何影响收敛？\n")
    assert "成立" in text
    assert "supported" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(convergence: Page, language: Language, width: int) -> None:
    assert max(cell_len(line) for line in printed(convergence, language, width).splitlines()) <= width


def test_brackets_in_a_name_are_not_markup(convergence: Page, with_text: Callable[[Page, str], Page]) -> None:
    assert "[bold red]x[/] \\[y]" in printed(with_text(convergence, "[bold red]x[/] \\[y]"))


def lr_figure(mean: list[float], log_y: bool) -> LrFigure:
    word = Message("page.axis.loss")
    lrs = np.geomspace(0.001, 1.0, len(mean))
    return LrFigure("f", word, word, word, word, lrs, (Series(word, np.array(mean)),), log_y)


@pytest.mark.parametrize(
    ("mean", "log_y", "bars"),
    [
        ([8.0, 1.0, 4.0, float("nan")], False, "█▁▄×"),
        ([1.0, 10.0, 100.0, float("inf")], True, "▁▅█×"),
        ([0.0, 1.0, 128.0, 2.0], True, "×▁█▂"),
        ([3.0, 3.0, 3.0, float("nan")], False, "▅▅▅×"),
        ([0.0, -1.0, 0.0], True, "×××"),
    ],
)
def test_bars_are_as_high_as_the_number_on_the_axis(mean: list[float], log_y: bool, bars: str) -> None:
    assert text_plot(lr_figure(mean, log_y))[1].strip() == bars


def test_best_and_recommended_are_marked_below_their_bars() -> None:
    figure = replace(lr_figure([3, 2, 1, 2], False), best=Estimate(0.1), recommended=0.012)
    lines = text_plot(figure)
    assert lines[2] == "   ▲○"
    assert lines[-1] == "  ○ best 0.1   ▲ recommended 0.012"


def test_a_study_without_any_number_prints_no_plot(convergence: Page) -> None:
    nothing = lr_figure([float("nan")] * 3, True)
    section = replace(convergence.sections[0], figures=(nothing,))
    assert "against η" not in printed(replace(convergence, sections=(section,)))


@pytest.mark.parametrize(
    ("estimate", "interval", "unit", "en", "zh"),
    [
        (None, None, "", "–", "–"),
        (3.0, None, "", "3", "3"),
        (3.0, None, "octaves", "3 octaves", "3 个倍频程"),
        (3.0, (2.5, 4.0), "learning rate", "η = 3 [2.5, 4]", "η = 3 [2.5, 4]"),
        (3.0, None, "parsecs", "3 parsecs", "3 parsecs"),
    ],
)
def test_an_estimate_is_printed_with_what_is_known_of_it(
    estimate: float | None, interval: tuple[float, float] | None, unit: str, en: str, zh: str
) -> None:
    word = Message("page.question")
    finding = Finding("f", word, Verdict.SUPPORTED, word, estimate, interval, unit)
    assert [say(estimate_of(finding), language) for language in LANGUAGES] == [en, zh]
