"""The schedule in the terminal."""

import io
import re
from html.parser import HTMLParser

import pytest
from rich.cells import cell_len
from rich.console import Console

from etude.core.message import Message
from etude.report.catalogue import LANGUAGES, Language, catalogue, say
from etude.report.schedule_html import schedule_page
from etude.report.schedule_view import Curve, canvas, print_schedules
from etude.schedules.lint import lint
from etude.schedules.notation import parse_schedule

ODD = Message("schedule.lint.warmup", {"warmup": 60, "steps": 100})


def printed(*curves: Curve, language: Language = "en") -> str:
    out = io.StringIO()
    print_schedules(curves, Console(file=out, width=100), language)
    return out.getvalue()


def dots(cells: list[list[int]]) -> set[tuple[int, int]]:
    """Dot positions (column, level from below), read from the braille bits by their standard numbering."""
    order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    height = 4 * len(cells)
    return {
        (2 * x + dx, height - 1 - (4 * y + dy))
        for y, row in enumerate(cells)
        for x, bits in enumerate(row)
        for i, (dx, dy) in enumerate(order)
        if bits >> i & 1
    }


def test_a_line_is_a_diagonal_of_dots() -> None:
    line = [i / 7 for i in range(8)]
    assert dots(canvas(line, 1.0, 8, width=4, height=2)) == {(i, i) for i in range(8)}


def test_a_jump_is_joined_and_a_single_spike_among_many_steps_stays_visible() -> None:
    assert dots(canvas([0.0, 1.0], 1.0, 2, width=1, height=2)) == {(0, 0)} | {(1, y) for y in range(1, 8)}
    spike = [0.0] * 10_000
    spike[5_001] = 1.0
    assert any(level == 7 for _, level in dots(canvas(spike, 1.0, 10_000, width=4, height=2)))


def test_a_shorter_curve_ends_where_it_ends() -> None:
    assert max(x for x, _ in dots(canvas([1.0] * 5, 1.0, 10, width=5, height=1))) == 4


@pytest.mark.parametrize("steps", [1, 2, 3, 127, 128, 129, 10_000])
def test_any_number_of_steps_fills_the_frame(steps: int) -> None:
    assert {x for x, _ in dots(canvas([0.5] * steps, 1.0, steps))} == set(range(128))


def test_the_numbers_and_the_remarks_are_printed() -> None:
    text = printed(Curve("cosine", (0.1, 0.3, 0.2), (ODD,)))
    assert "0.3 at 1" in text
    assert "0.2" in text
    assert "! the warm-up takes 60 of 100 steps, more than half: shorten it" in text


def test_two_curves_are_told_apart_also_without_colour() -> None:
    text = printed(Curve("first", (1.0,) * 9), Curve("[b]second[/]", (0.25,) * 9, (ODD,)))
    assert "⣿ first   · [b]second[/]" in text
    assert "! [b]second[/]: the warm-up takes 60" in text
    assert "·" in text.split("└")[0]


def test_a_schedule_that_is_zero_everywhere_can_be_drawn() -> None:
    assert "0 at 0" in printed(Curve("nothing", (0.0, 0.0)))


class Drawn(HTMLParser):
    """Curves, text and unclosed elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[list[tuple[float, float]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "polyline":
            pairs = (dict(attrs)["points"] or "").split()
            self.lines.append([(float(x), float(y)) for x, y in (pair.split(",") for pair in pairs)])
        if tag not in ("meta", "polyline", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("polyline", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def test_the_page_draws_every_corner_of_a_short_schedule() -> None:
    page = Drawn(schedule_page([Curve("one", (0.0, 1.0, 0.5))]))
    assert page.lines[0] == [(0.0, 300.0), (380.0, 0.0), (760.0, 150.0)]
    assert page.open == []


def test_the_page_of_a_long_schedule_stays_small_and_keeps_a_single_spike() -> None:
    lrs = [0.1] * 100_000
    lrs[50_001] = 1.0
    text = schedule_page([Curve("long", tuple(lrs))])
    assert len(text) < 100_000
    assert min(y for _, y in Drawn(text).lines[0]) == 0.0


def test_nothing_in_a_page_is_read_as_markup_and_nothing_is_loaded() -> None:
    text = schedule_page([Curve("<script>a</script>", (1.0, 0.5), (ODD,)), Curve("<b>odd</b>", (0.0, 0.0), (ODD,))])
    assert "<script" not in text
    assert "http" not in text
    assert "<b>odd</b>: the warm-up" in Drawn(text).text


LINTED = [
    ("linear(from=0, to=1)", 100, {"peak": 0.3, "edge": 0.25}),
    ("constant(50%, at=0) > constant", 100, {}),
    ("linear(1, from=0, to=1) > constant", 100, {"accumulate": 4}),
    ("constant(99) > constant(at=0)", 100, {"epoch": 40}),
    ("cosine > cosine(50%)", 100, {"epoch": 25, "accumulate": 4}),
    ("constant(50%) > constant(at=0)", 100, {"epoch": 1000}),
    ("cyclic", 75, {}),
]


def test_every_remark_of_the_linter_is_said_in_both_languages_and_with_all_its_numbers() -> None:
    said: dict[str, set[str]] = {}
    for text, steps, context in LINTED:
        for remark in lint(parse_schedule(text, steps), **context):
            said[remark.message.key] = {say(remark.message, language) for language in LANGUAGES}
    written = {key for key in catalogue() if key.startswith("schedule.lint.")}
    assert written == set(said)
    assert all(len(sentences) == 2 for sentences in said.values())


def test_everything_around_the_numbers_is_chinese_for_a_chinese_reader() -> None:
    curves = (Curve("cosine", (0.1, 0.3, 0.2), (ODD,)), Curve("linear", (0.2, 0.1, 0.05), (ODD,)))
    drawn, page = printed(*curves, language="zh"), schedule_page(curves, "zh")
    assert '<html lang="zh">' in page
    for text in (drawn, Drawn(page).text):
        words = re.findall("[A-Za-z]{2,}", re.sub("cosine|linear", "", text))
        assert words == []
        assert "预热占了 100 步中的 60 步" in text


def test_the_last_step_ends_where_the_frame_ends_in_either_language() -> None:
    for language in LANGUAGES:
        lines = printed(Curve("cosine", (0.1,) * 200), language=language).splitlines()
        corner = next(i for i, line in enumerate(lines) if "└" in line)
        assert cell_len(lines[corner]) == cell_len(lines[corner + 1])
