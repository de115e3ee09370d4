"""A pool of forked, single-purpose workers; each runs one job at a time and reports as it goes.

Forking gives workers the parent's task as it is: closures and objects made in a notebook need no pickling, data is shared
until written. (``torch``'s own ``DataLoader`` relies on the same.) Workers never outlive their parent by more than one report.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any, Generic, TypeVar

from etude.core.errors import EtudeError, ExecutionError

JobT = TypeVar("JobT")
Work = Callable[[JobT, Callable[[], bool]], Iterator[Any]]

ATTEMPTS = 2
"""Times a job is given out before a worker's death is blamed on the job."""

_POLL = 0.2


@dataclass(frozen=True)
class _Report:
    payload: Any


@dataclass(frozen=True)
class _Done:
    pass


@dataclass(frozen=True)
class _Failed:
    error: EtudeError | None
    text: str


@dataclass
class _Worker(Generic[JobT]):
    process: BaseProcess
    pipe: Connection
    job: int | None = None


def run_jobs(
    work: Work[JobT], jobs: Sequence[JobT], workers: int, should_stop: Callable[[], bool] = lambda: False
) -> Generator[tuple[int, Any]]:
    """Run every job on forked workers and yield what they report, as (index of the job, payload).

    ``work(job, should_stop)`` is a generator: what it yields is reported. Once ``should_stop`` holds here, it also holds in the
    workers, no further job is given out, and the iteration ends when the jobs under way have returned. A job whose worker
    dies is given out once more, from its beginning.

    Args:
        work: What to do with a job, in the worker.
        jobs: Given out in order.
        workers: Processes, at least 1.
        should_stop: Asked several times a second.

    Raises:
        ExecutionError: When a job failed with an error that is not ours (an ``EtudeError`` is raised as it is), or its worker
            died twice.

    Example:
        >>> def double(job, should_stop):
        ...     yield 2 * job
        >>> sorted(run_jobs(double, [1, 2, 3], workers=2))
        [(0, 2), (1, 4), (2, 6)]
    """
    stop = multiprocessing.get_context("fork").Event()
    waiting = deque(range(len(jobs)))
    attempts = [0] * len(jobs)
    crew = [_hire(work, jobs, stop) for _ in range(min(workers, len(jobs)))]
    try:
        while True:
            if should_stop():
                stop.set()
            _hand_out(crew, waiting, attempts, stopped=stop.is_set())
            busy = {w.pipe: w for w in crew if w.job is not None}
            if not busy:
                return
            for pipe in wait(list(busy), _POLL):
                worker = busy[pipe]  # type: ignore[index]
                job = worker.job
                assert job is not None
                try:
                    message = worker.pipe.recv()
                except (EOFError, OSError):
                    _raise_if_hopeless(worker, attempts[job])
                    waiting.appendleft(job)
                    crew[crew.index(worker)] = _hire(work, jobs, stop)
                    continue
                if isinstance(message, _Report):
                    yield job, message.payload
                elif isinstance(message, _Done):
                    worker.job = None
                else:
                    raise message.error or ExecutionError(message.text)
    finally:
        _dismiss(crew)


def run_inline(
    work: Work[JobT], jobs: Sequence[JobT], should_stop: Callable[[], bool] = lambda: False
) -> Generator[tuple[int, Any]]:
    """The slow obvious twin of ``run_jobs``: one job after the other, in this process; for GPUs and debuggers."""
    for index, job in enumerate(jobs):
        if should_stop():
            return
        for payload in work(job, should_stop):
            yield index, payload


def _hire(work: Work[JobT], jobs: Sequence[JobT], stop: Event) -> _Worker[JobT]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, jobs, theirs, ours, stop, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _hand_out(crew: list[_Worker[JobT]], waiting: deque[int], attempts: list[int], *, stopped: bool) -> None:
    for worker in crew:
        if worker.job is None and waiting and not stopped:
            worker.job = waiting.popleft()
            attempts[worker.job] += 1
            try:
                worker.pipe.send(worker.job)
            except OSError:
                continue  # it has died: its pipe reports that next


def _raise_if_hopeless(worker: _Worker[JobT], attempts: int) -> None:
    worker.process.join(1)
    if attempts >= ATTEMPTS:
        code = worker.process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        raise ExecutionError(
            f"a worker {how}, twice in the same job: if memory ran out, pass fewer --workers or a smaller --batch-size; "
            "what was finished is kept"
        )


def _dismiss(crew: list[_Worker[JobT]]) -> None:
    for worker in crew:
        if worker.job is None and worker.process.is_alive():
            try:
                worker.pipe.send(None)
            except OSError:
                continue
        else:
            worker.process.kill()
    for worker in crew:
        worker.process.join()
        worker.pipe.close()


def _serve(
    work: Work[JobT], jobs: Sequence[JobT], pipe: Connection, parents_end: Connection, stop: Event, parent: int
) -> None:
    parents_end.close()
    # The parent decides when to stop: a Ctrl-C in the terminal reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while (index := _next_job(pipe, parent)) is not None:
        try:
            for payload in work(jobs[index], stop.is_set):
                if os.getppid() != parent:
                    return
                pipe.send(_Report(payload))
            pipe.send(_Done())
        except EtudeError as error:
            pipe.send(_Failed(error, str(error)))
        except BrokenPipeError:
            return
        except Exception as error:  # noqa: BLE001 - reported in the parent, with its place
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
            text = f"a job failed with {what}; what was finished is kept"
            pipe.send(_Failed(None, text))


def _next_job(pipe: Connection, parent: int) -> int | None:
    while not pipe.poll(1.0):
        if os.getppid() != parent:
            return None
    try:
        index: int | None = pipe.recv()
    except EOFError:
        return None
    return index
