"""The pool against its sequential twin, and under every kind of death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etude.core.errors import ExecutionError, SpecError
from etude.execution.pool import run_inline, run_jobs


def count_to(job: int, should_stop: Callable[[], bool]) -> Iterator[int]:
    yield from range(job)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_pool_reports_what_its_sequential_twin_reports(workers: int) -> None:
    jobs = [3, 0, 5, 1, 1]
    assert sorted(run_jobs(count_to, jobs, workers)) == sorted(run_inline(count_to, jobs))


def test_reports_of_one_job_keep_their_order() -> None:
    reports = [payload for index, payload in run_jobs(count_to, [0, 50], 2) if index == 1]
    assert reports == list(range(50))


def test_jobs_may_be_anything_that_lives_in_this_process() -> None:
    doubled = run_jobs(lambda job, _: iter([job()]), [lambda: "closure"], 1)
    assert list(doubled) == [(0, "closure")]


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(run_jobs(count_to, [], 2)) == []


def test_an_error_of_ours_arrives_as_it_is() -> None:
    def fail(job: int, _: object) -> Iterator[int]:
        raise SpecError("needs job >= 1, got 0: pass 1")
        yield

    with pytest.raises(SpecError, match="got 0"):
        list(run_jobs(fail, [0], 1))


def test_any_other_error_becomes_a_sentence_with_its_place() -> None:
    def fail(job: int, _: object) -> Iterator[float]:
        yield 1 / job

    with pytest.raises(ExecutionError, match=r"ZeroDivisionError: .*test_pool\.py:\d+"):
        list(run_jobs(fail, [0], 1))


def test_a_job_whose_worker_is_killed_is_done_again(tmp_path: Path) -> None:
    def die_once(job: int, _: object) -> Iterator[int]:
        marker = tmp_path / str(job)
        if job == 2 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield job

    assert sorted(run_jobs(die_once, [1, 2, 3], 2)) == [(0, 1), (1, 2), (2, 3)]


def test_a_job_that_kills_its_worker_every_time_is_given_up() -> None:
    def die(job: int, _: object) -> Iterator[int]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield job

    with pytest.raises(ExecutionError, match="killed by signal 9, twice"):
        list(run_jobs(die, [1], 1))


def test_stopping_reaches_the_workers_and_gives_out_no_further_job() -> None:
    def until_stopped(job: int, should_stop: Callable[[], bool]) -> Iterator[str]:
        yield f"{job} began"
        while not should_stop():
            time.sleep(0.01)
        yield f"{job} saved"

    seen: list[str] = []
    for _, payload in run_jobs(until_stopped, [0, 1, 2], 2, should_stop=lambda: len(seen) >= 2):
        seen.append(payload)
    assert sorted(seen) == ["0 began", "0 saved", "1 began", "1 saved"]


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from etude.execution.pool import run_jobs\n"
        "def forever(job, stop):\n"
        "    while True:\n"
        "        yield os.getpid()\n"
        "        time.sleep(0.02)\n"
        "for _, pid in run_jobs(forever, [0, 1], 2):\n"
        "    print(pid, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children: set[int] = set()
        while len(children) < 2:
            children.add(int(parent.stdout.readline()))
        parent.kill()
    deadline = time.monotonic() + 60
    while any(_alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in children)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
