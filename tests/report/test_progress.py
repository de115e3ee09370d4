"""The progress line on a terminal and in a log."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from etude.report import progress as progress_module
from etude.report.progress import ProgressLine, standing_line


@dataclass(frozen=True)
class Standing:
    round: int = 1
    runs: int = 120
    done: int = 36
    diverged: int = 4
    alive: int = 12
    steps_per_second: float = 14433.2
    seconds_left: float | None = 75.0


def test_the_line_says_everything_within_eighty_columns() -> None:
    line = standing_line(Standing())
    assert line == "round 1: 36/120 runs, 12 lanes alive, 4 diverged, 14,433 steps/s, 1 min 15 s left"
    assert "left" not in standing_line(Standing(done=120))
    assert "left" not in standing_line(Standing(seconds_left=None))
    assert standing_line(Standing(seconds_left=9.7)).endswith("10 s left")
    assert standing_line(Standing(seconds_left=8000)).endswith("2 h 13 min left")


def test_a_log_gets_a_line_every_few_seconds_and_always_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now)
    out = io.StringIO()
    with ProgressLine(Console(file=out, width=200)) as line:
        for _ in range(100):
            line.show(Standing())
            now += 0.1
        line.show(Standing(done=120))
    assert len(out.getvalue().splitlines()) == 3
    assert "120/120" in out.getvalue()


def test_a_terminal_shows_one_line_that_leaves_no_trace_and_keeps_what_is_said() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with ProgressLine(console) as line:
        line.show(Standing())
        line.say("warning: [brackets] are no markup")
        line.show(Standing(done=120))
    assert "36/120" in out.getvalue()
    assert "[brackets]" in out.getvalue()
    assert "\x1b[2K" in out.getvalue(), "the line is erased at the end"
