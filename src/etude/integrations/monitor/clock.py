"""What a training's steps and a monitor's looks are timed by."""

from __future__ import annotations

import time
from typing import final


@final
class Clock:
    """Seconds of the training, and seconds of the monitor inside it, by clocks that agree.

    On a CPU that other programs use too, a long step is interrupted more often than a short look, so that the wall clock would
    make the looks seem cheap; the time of this process does not count what others take. With several threads that is more than
    the time on the wall, which then is the smaller of the two. On another device the process only queues work and waits.

    Args:
        on_cpu: Whether the training computes in this process.
    """

    def __init__(self, *, on_cpu: bool) -> None:
        self._on_cpu = on_cpu
        self._wall = self._cpu = 0.0
        self.start()

    def own(self) -> float:
        """A reading, for differences between two places in this thread."""
        return time.thread_time() if self._on_cpu else time.perf_counter()

    def start(self) -> None:
        """Begin to time a step."""
        self._wall = time.perf_counter()
        if self._on_cpu:
            self._cpu = time.process_time()

    def step(self) -> float:
        """Seconds since ``start``, the monitor's own among them."""
        wall = time.perf_counter() - self._wall
        return min(wall, time.process_time() - self._cpu) if self._on_cpu else wall
