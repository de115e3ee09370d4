"""The schedule in the terminal."""

import io

import pytest
from rich.console import Console

from etude.report.schedule_view import Curve, canvas, print_schedules


def printed(*curves: Curve) -> str:
    out = io.StringIO()
    print_schedules(curves, Console(file=out, width=100))
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
    text = printed(Curve("cosine", (0.1, 0.3, 0.2), ("odd [bold]thing[/]",)))
    assert "0.3 at 1" in text
    assert "0.2" in text
    assert "! odd [bold]thing[/]" in text


def test_two_curves_are_told_apart_also_without_colour() -> None:
    text = printed(Curve("first", (1.0,) * 9), Curve("second", (0.25,) * 9, ("odd",)))
    assert "⣿ first   · second" in text
    assert "! second: odd" in text
    assert "·" in text.split("└")[0]


def test_a_schedule_that_is_zero_everywhere_can_be_drawn() -> None:
    assert "0 at 0" in printed(Curve("nothing", (0.0, 0.0)))
