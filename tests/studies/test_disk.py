"""A full disk, and one that is too small from the start."""

import os
import shutil
import subprocess
from functools import partial

import pytest

from etude.core.errors import ExecutionError
from etude.core.spec import RunSpec, TaskRef
from etude.schedules.constant import Constant
from etude.studies import conductor, preflight, run, shards
from etude.studies.preflight import check_disk
from etude.tasks.builtin import builtin_task
from etude.training.rules import SGD

FLAGS = ("--lr", "0.01:1:4", "--seeds", "2", "--steps", "40", "--batch-size", "32", "--workers", "1")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        reason = f"needs to mount a tmpfs, which only root may ({mounted.stderr.decode().strip()})"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill_when_finished(disk, stacks):
    """Leave no byte free once so many stacks are stored."""
    run.check_disk = lambda *arguments, **options: None
    shards.CHECKPOINT_SECONDS = 0.01
    store = conductor.Conductor._store
    stored = []

    def storing(self, *arguments):
        store(self, *arguments)
        stored.append(1)
        if len(stored) == stacks:
            with (disk / "ballast").open("wb") as ballast:
                while shutil.disk_usage(disk).free:
                    ballast.write(b"0" * 4096)
                    ballast.flush()

    conductor.Conductor._store = storing


@pytest.mark.parametrize("stacks", [1, 3])
def test_a_full_disk_stops_clearly_loses_nothing_and_resumes_when_there_is_space(
    small_disk, start, contents, finished, stacks
):
    folder = small_disk / "study"
    command = start(
        "run", "convergence", *FLAGS, "--out", str(folder), before=partial(fill_when_finished, small_disk, stacks)
    )
    assert command.wait() == 1
    assert command.err.splitlines() == [
        f"etude: no space left on {folder}'s disk: free some and run the same command again; "
        "nothing stored before is lost"
    ]
    (small_disk / "ballast").unlink()
    kept = contents(folder)
    assert kept.traces
    assert contents(finished).includes(kept)

    def disk_is_large_enough():
        run.check_disk = lambda *arguments, **options: None

    again = start("run", "convergence", *FLAGS, "--out", str(folder), before=disk_is_large_enough)
    assert again.wait() == 0, again.err
    assert contents(folder) == contents(finished)


def test_a_disk_that_is_too_small_is_said_before_there_is_a_study(small_disk, start):
    folder = small_disk / "study"
    command = start("run", "convergence", "--out", str(folder))
    assert command.wait() == 1
    [sentence] = command.err.splitlines()
    assert sentence.startswith("etude: the study needs about ")
    assert f"{folder} has 8 MiB free: pass --no-weights, free some, or choose another --out" in sentence
    assert list(folder.iterdir()) == []


def test_weights_count_only_when_they_are_kept_and_stored_runs_not_at_all(tmp_path, monkeypatch):
    ref = TaskRef("digits", "f")
    task = {ref: builtin_task("digits")}
    spec = RunSpec(ref, SGD(), Constant(10), 0.1, 10, 32, 0)
    one_mlp = 4 * (64 * 128 + 128 + 128 * 10 + 10)
    margin = 2**26
    monkeypatch.setattr(preflight, "free_bytes", lambda folder: margin + 1000 * one_mlp)
    check_disk(task, [spec] * 600, tmp_path, keep_weights=True)
    with pytest.raises(ExecutionError, match="pass --no-weights, free some, or choose another --out"):
        check_disk(task, [spec] * 700, tmp_path, keep_weights=True)
    check_disk(task, [spec] * 700, tmp_path, keep_weights=False)
    monkeypatch.setattr(preflight, "free_bytes", lambda folder: 0)
    check_disk(task, [], tmp_path, keep_weights=True)
    with pytest.raises(ExecutionError, match="0 MiB free: free some, or choose another --out"):
        check_disk(task, [spec], tmp_path, keep_weights=False)
