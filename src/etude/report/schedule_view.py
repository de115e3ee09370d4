"""A schedule in the terminal: a curve, a few numbers, what is odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etude.core.message import Message
from etude.report.catalogue import Language, say
from etude.report.numbers import number

_WIDTH, _HEIGHT = 64, 12  # cells; each holds 2 × 4 dots
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [row from the top][column]
_STYLES = ("cyan", "yellow")
_MARGIN = 9


@final
@dataclass(frozen=True)
class Curve:
    """A learning rate at every step.

    Attributes:
        name: What the legend calls it.
        lrs: Learning rate of each step, at least one.
        remarks: What is odd about it.
    """

    name: str
    lrs: tuple[float, ...]
    remarks: tuple[Message, ...] = ()


def print_schedules(curves: Sequence[Curve], console: Console, language: Language = "en") -> None:
    """Print one or two curves in one frame, a table of both, and the remarks; names are never read as markup."""
    for line in _frame(curves, language):
        console.print(line, soft_wrap=True)
    console.print()
    console.print(_table(curves, language))
    for curve in curves:
        for remark in curve.remarks:
            console.print(Text(f"! {said_of(curve, remark, curves, language)}", style="yellow"))


def said_of(curve: Curve, remark: Message, curves: Sequence[Curve], language: Language) -> str:
    """A remark in words, with the curve's name where there are several."""
    said = say(remark, language)
    return (
        say(Message("schedule.remark_on", {"name": curve.name, "remark": said}), language) if len(curves) > 1 else said
    )


def canvas(
    lrs: Sequence[float], top: float, horizon: int, width: int = _WIDTH, height: int = _HEIGHT
) -> list[list[int]]:
    """A curve as dots: cells [height][width], each the bits of a braille pattern, 0 where nothing is drawn.

    Every dot column spans the range of the steps that fall into it, and reaches to the one before, so that peaks and
    jumps stay visible however many steps there are.

    Args:
        lrs: Learning rate of each step.
        top: What the upper margin stands for, positive; the lower one is 0.
        horizon: Number of steps that the whole width stands for, at least ``len(lrs)``.
        width: Of the frame [cells].
        height: Of the frame [cells].
    """
    cells = [[0] * width for _ in range(height)]
    columns, rows = 2 * width, 4 * height
    before: int | None = None
    for x in range(columns):
        start = x * horizon // columns
        steps = lrs[start : max((x + 1) * horizon // columns, start + 1)]
        if not steps:
            break
        levels = [min(round(lr / top * (rows - 1)), rows - 1) for lr in (min(steps), max(steps))]
        low, high = levels[0], levels[1]
        if before is not None:
            low, high = min(low, before + 1) if before < low else low, max(high, before - 1) if before > high else high
        for level in range(low, high + 1):
            row = rows - 1 - level
            cells[row // 4][x // 2] |= _DOTS[row % 4][x % 2]
        before = round(steps[-1] / top * (rows - 1))
    return cells


def _frame(curves: Sequence[Curve], language: Language) -> list[Text]:
    top = max(max(curve.lrs) for curve in curves) or 1.0
    horizon = max(len(curve.lrs) for curve in curves)
    drawn = [canvas(curve.lrs, top, horizon) for curve in curves]
    labels = {0: number(top), _HEIGHT // 2: number(top / 2), _HEIGHT - 1: "0"}
    lines = []
    for row in range(_HEIGHT):
        line = Text(f"{('η ' if row == 0 else '') + labels.get(row, ''):>{_MARGIN}} │")
        for column in range(_WIDTH):
            line.append(*_cell([cells[row][column] for cells in drawn]))
        lines.append(line)
    last = say(Message("schedule.last", {"step": horizon}), language)
    lines.append(Text(" " * (_MARGIN + 1) + "└" + "─" * _WIDTH))
    lines.append(Text(" " * (_MARGIN + 2) + "0" + " " * (_WIDTH - 1 - cell_len(last)) + last))
    if len(curves) > 1:
        legend = Text(" " * (_MARGIN + 2))
        legend.append("⣿ ", _STYLES[0]).append(f"{curves[0].name}   ").append("· ", _STYLES[1]).append(curves[1].name)
        lines.append(legend)
    return lines


def _cell(bits: Sequence[int]) -> tuple[str, str]:
    """Character and style of a cell: the first curve in dots, the second, where it is alone, as a point."""
    if bits[0]:
        return chr(_BRAILLE + bits[0]), _STYLES[0]
    return ("·", _STYLES[1]) if any(bits) else (" ", "")


def _table(curves: Sequence[Curve], language: Language) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(say(Message("schedule.step"), language), justify="right")
    for curve in curves:
        table.add_column(Text("η" if len(curves) == 1 else curve.name), justify="right")
    values, summary = table_rows(curves, language)
    for row in values:
        table.add_row(*row)
    table.add_section()
    for row in summary:
        table.add_row(*row)
    return table


def table_rows(curves: Sequence[Curve], language: Language) -> tuple[list[list[str]], list[list[str]]]:
    """A dozen steps with the learning rate of each curve, and the rows that sum them up."""
    horizon = max(len(curve.lrs) for curve in curves)
    steps = sorted({0, min(1, horizon - 1), *(horizon * tenth // 10 for tenth in range(1, 10)), horizon - 1})
    values = [[str(step), *(number(c.lrs[step]) if step < len(c.lrs) else "" for c in curves)] for step in steps]
    summary = [
        [say(Message("schedule.largest"), language), *(_largest(curve.lrs, language) for curve in curves)],
        [say(Message("schedule.mean"), language), *(number(sum(c.lrs) / len(c.lrs)) for c in curves)],
    ]
    return values, summary


def _largest(lrs: Sequence[float], language: Language) -> str:
    high = max(lrs)
    return say(Message("schedule.largest_at", {"lr": high, "step": lrs.index(high)}), language)
