"""How a study is getting on: a line that rewrites itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

_PLAIN_SECONDS = 5.0
"""Time between plain lines: a log file should tell a live study from a hung one, and stay readable."""


class Standing(Protocol):
    """What a progress line shows."""

    @property
    def round(self) -> int:
        """Number of the round, from 1."""
        ...

    @property
    def runs(self) -> int:
        """Runs of the round."""
        ...

    @property
    def done(self) -> int:
        """Finished runs."""
        ...

    @property
    def diverged(self) -> int:
        """Lanes that left their stack."""
        ...

    @property
    def alive(self) -> int:
        """Lanes that train now."""
        ...

    @property
    def steps_per_second(self) -> float:
        """Lane-steps per second."""
        ...

    @property
    def seconds_left(self) -> float | None:
        """Of the round."""
        ...


class ProgressLine:
    """Shows progress on a console; a context manager.

    No thread refreshes it: the study forks workers, and a lock held by another thread would be held in the child for ever.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._shown = -float("inf")

    def __enter__(self) -> ProgressLine:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line of its own."""
        self._console.print(escape(line), highlight=False, soft_wrap=True)

    def show(self, status: Standing) -> None:
        """Show where the study is, not more often than a reader can follow."""
        now = time.monotonic()
        last = status.done == status.runs
        if now - self._shown < (0.1 if self._live else _PLAIN_SECONDS) and not last:
            return
        self._shown = now
        line = standing_line(status)
        if self._live:
            self._live.update(Text(line), refresh=True)
        else:
            self._console.print(line, highlight=False, soft_wrap=True)


def standing_line(status: Standing) -> str:
    """One line: runs done, lanes alive and diverged, speed, time left."""
    left = (
        "" if status.seconds_left is None or status.done == status.runs else f", {_duration(status.seconds_left)} left"
    )
    return (
        f"round {status.round}: {status.done}/{status.runs} runs, {status.alive} lanes alive, "
        f"{status.diverged} diverged, {status.steps_per_second:,.0f} steps/s{left}"
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
