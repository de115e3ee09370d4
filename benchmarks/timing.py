"""Timing in forked children, so that one measurement leaves no threads, caches or settings to the next."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median

Job = Callable[[], None]


def seconds_in_child(prepare: Callable[[], Job]) -> float:
    """Wall time of the job that ``prepare`` returns; preparing is not counted."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child(pipe: Connection) -> None:
        job = prepare()
        began = time.perf_counter()
        job()
        pipe.send(time.perf_counter() - began)

    process = context.Process(target=child, args=(theirs,))
    process.start()
    theirs.close()
    try:
        seconds: float = ours.recv()
    finally:
        process.join()
    return seconds


def together(prepare: Callable[[], Job], processes: int) -> float:
    """Longest wall time of several children that run the same job at once."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes)
    pipes = []
    children = []
    for _ in range(processes):
        ours, theirs = context.Pipe()

        def child(pipe: Connection = theirs) -> None:
            job = prepare()
            barrier.wait()
            began = time.perf_counter()
            job()
            pipe.send(time.perf_counter() - began)

        process = context.Process(target=child)
        process.start()
        children.append(process)
        pipes.append(ours)
    longest = max(float(pipe.recv()) for pipe in pipes)
    for process in children:
        process.join()
    return longest


def interleaved(measures: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take every measure once a round, so that a slow minute of the machine falls on all of them."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    return taken


def ratio(slow: list[float], fast: list[float]) -> tuple[float, float, float]:
    """Median of the ratios round by round, and their range."""
    ratios = [a / b for a, b in zip(slow, fast, strict=True)]
    return median(ratios), min(ratios), max(ratios)
