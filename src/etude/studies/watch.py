"""What a study says of itself while it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Status:
    """Where a study is.

    Attributes:
        round: Number of the round, from 1.
        runs: Runs of this round.
        done: Of those, finished ones.
        diverged: Runs known to have diverged: they left their stack early, or were judged so at their end.
        alive: Lanes that train right now.
        steps_per_second: Lane-steps per second over this round so far; 0 before the first.
        seconds_left: Of this round, at that rate; ``None`` before there is a rate.
    """

    round: int
    runs: int
    done: int
    diverged: int
    alive: int
    steps_per_second: float
    seconds_left: float | None


class Watcher(Protocol):
    """Whoever wants to know how a study is getting on."""

    def say(self, line: str) -> None:
        """Take a line of its own: a warning, a decision."""
        ...

    def show(self, status: Status) -> None:
        """Take where the study is; called several times a second."""
        ...


class Silent:
    """Wants to know nothing."""

    def say(self, line: str) -> None:
        """Drop the line."""

    def show(self, status: Status) -> None:
        """Drop the status."""


@dataclass
class Tally:
    """Counts what the shards of a round report.

    Attributes:
        round: Number of the round, from 1.
        runs: Runs of the round.
        done: Runs that were finished before, and since.
        remaining: Lane-steps still to be made.
    """

    round: int
    runs: int
    done: int
    remaining: int
    _began: float = field(default_factory=time.monotonic)
    _made: int = 0
    _alive: dict[int, int] = field(default_factory=dict)
    _left: dict[int, int] = field(default_factory=dict)

    def moved(self, shard: int, lane_steps: int, alive: int, left: int) -> None:
        """Count a report of a shard."""
        self._made += lane_steps
        self.remaining -= lane_steps
        self._alive[shard], self._left[shard] = alive, left

    def finished(self, shard: int, runs: int, diverged: int) -> None:
        """Count a finished shard; how many of its runs diverged is judged at their end."""
        self.done += runs
        self._alive[shard], self._left[shard] = 0, diverged

    def status(self) -> Status:
        """Where the round is now."""
        seconds = time.monotonic() - self._began
        rate = self._made / seconds if seconds > 0 else 0.0
        return Status(
            round=self.round,
            runs=self.runs,
            done=self.done,
            diverged=sum(self._left.values()),
            alive=sum(self._alive.values()),
            steps_per_second=rate,
            seconds_left=max(self.remaining, 0) / rate if rate > 0 else None,
        )
