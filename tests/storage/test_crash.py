"""Killed writers, second writers, readers beside a writer, full disks."""

import contextlib
import errno
import fcntl
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from etude.core.errors import DamagedError, LockedError, StorageError
from etude.storage import book as book_module
from etude.storage import files as files_module
from etude.storage.files import free_bytes, write_durably
from etude.storage.reader import StudyReader
from etude.storage.writer import StudyWriter

KILLS = 15

WRITE_FOREVER = """
import sys
from pathlib import Path
import numpy as np
from etude.core.trace import Ending, Outcome, Trace
from etude.storage.writer import StudyWriter

with StudyWriter.create_or_open(Path(sys.argv[1]), {"study": "kill"}) as writer:
    i = len(writer.reader.traces())
    print("open", i, flush=True)
    while True:
        trace = Trace(f"run-{i}", Outcome(Ending.COMPLETED, i), {"loss": np.full(2000, float(i))})
        writer.put_traces([trace])
        print("trace", i, flush=True)
        writer.put_checkpoint("shard", i, b"%d" % i * 2000)
        print("checkpoint", i, flush=True)
        i += 1
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kill(child):
    child.send_signal(signal.SIGKILL)
    out, err = child.communicate()
    assert child.returncode == -signal.SIGKILL, err
    return out


def acknowledged(out, word):
    # The last line counts only when it is whole.
    lines = [line.split() for line in out.splitlines(keepends=True) if line.endswith("\n")]
    return max((int(line[1]) for line in lines if line[0] == word), default=-1)


def test_no_kill_loses_what_was_acknowledged(tmp_path):
    rng = random.Random(0)
    done = checkpoint = -1
    for _ in range(KILLS):
        child = start(WRITE_FOREVER, tmp_path)
        first = "".join(child.stdout.readline() for _ in range(rng.randint(1, 4)))  # how far it gets by then is luck
        time.sleep(rng.uniform(0, 0.02))
        out = first + kill(child)
        # What a killed writer stored without a word, the next one found when it opened.
        done = max(done, acknowledged(out, "trace"), acknowledged(out, "open") - 1)
        checkpoint = max(checkpoint, acknowledged(out, "checkpoint"))
        with StudyReader.open(tmp_path) as reader:
            traces = reader.traces()
        assert len(traces) in (done + 1, done + 2)
        for i in range(len(traces)):
            assert np.array_equal(traces[f"run-{i}"].per_step["loss"], np.full(2000, float(i)))
        with StudyWriter.create_or_open(tmp_path, {"study": "kill"}) as writer:
            latest = writer.latest_checkpoint("shard")
            assert latest in [b"%d" % i * 2000 for i in range(max(checkpoint, 0), len(traces))] or checkpoint == -1
            assert writer.warnings == []
    assert done >= KILLS // 3, "kills that come before anything is written show nothing"
    assert len(list((tmp_path / "checkpoints").iterdir())) <= 4


CUT_OFF = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE ledger SET rows = 0")
connection.execute("DELETE FROM traces")
connection.executemany("INSERT INTO findings VALUES (?, ?, x'00')", [(i, "x" * 3000) for i in range(200)])
print("cut", flush=True)
time.sleep(60)
"""


@pytest.fixture
def cut_off(study):
    """A study whose writer was killed in the middle of a transaction that had reached the file."""
    child = start(CUT_OFF, study / "study.db")
    assert child.stdout.readline() == "cut\n"
    kill(child)
    assert (study / "study.db-journal").stat().st_size > 4096
    return study


def test_a_transaction_that_was_cut_off_is_rolled_back_by_a_reader(stored, cut_off, everything):
    with StudyReader.open(stored) as before, StudyReader.open(cut_off) as after:
        assert everything(after) == everything(before)


@pytest.mark.parametrize("spot", [*range(0, 28, 3), 512, 600, 700, 2000, 4700, 5000, 9000, -1, "cut", "removed"])
def test_a_damaged_journal_never_passes_for_the_truth(stored, cut_off, everything, spot):
    journal = cut_off / "study.db-journal"
    data = bytearray(journal.read_bytes())
    if spot == "removed":
        journal.unlink()
    elif spot == "cut":
        journal.write_bytes(data[: len(data) // 2])
    else:
        data[spot] ^= 4
        journal.write_bytes(data)
    with StudyReader.open(stored) as before, contextlib.suppress(DamagedError), StudyReader.open(cut_off) as after:
        assert everything(after) == everything(before)


HOLD = """
import os, sys, time
from pathlib import Path
from etude.storage.writer import StudyWriter

writer = StudyWriter.create_or_open(Path(sys.argv[1]), {})
if sys.argv[2] == "fork" and os.fork() == 0:
    os.close(1), os.close(2)
    time.sleep(30)
    os._exit(0)
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_writer_is_told_at_once_by_whom_the_study_is_run(tmp_path):
    child = start(HOLD, tmp_path, "alone")
    assert child.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=rf"{tmp_path} is being run by process {child.pid} on {os.uname().nodename}"):
        StudyWriter.create_or_open(tmp_path, {})
    assert child.poll() is None, "it waited until the first was gone"
    StudyReader.open(tmp_path).close()
    kill(child)
    StudyWriter.create_or_open(tmp_path, {}).close()


def test_a_worker_that_outlives_its_killed_study_does_not_keep_the_next_command_out(tmp_path):
    child = start(HOLD, tmp_path, "fork")
    assert child.stdout.readline() == "held\n"
    kill(child)
    StudyWriter.create_or_open(tmp_path, {}).close()


def test_a_writer_in_the_same_process_is_a_second_writer_too(tmp_path):
    with StudyWriter.create_or_open(tmp_path, {}), pytest.raises(LockedError, match=f"process {os.getpid()} "):
        StudyWriter.create_or_open(tmp_path, {})
    StudyWriter.create_or_open(tmp_path, {}).close()


def test_a_file_system_without_locks_is_reported(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StorageError, match="No locks available"):
        StudyWriter.create_or_open(tmp_path, {})


def test_an_owner_who_left_no_name_is_another_process(tmp_path):
    with StudyWriter.create_or_open(tmp_path, {}):
        (tmp_path / "study.lock").write_text("")
        with pytest.raises(LockedError, match="is being run by another process"):
            StudyWriter.create_or_open(tmp_path, {})


def test_a_reader_sees_whole_states_while_a_writer_writes(tmp_path):
    child = start(WRITE_FOREVER, tmp_path)
    assert child.stdout.readline() == "open 0\n"
    seen = [0]
    until = time.monotonic() + 60
    while (len(seen) < 30 or seen[-1] < 10) and time.monotonic() < until:
        with StudyReader.open(tmp_path) as reader:
            seen.append(len(reader.traces()))
            assert list(reader.traces())[: seen[-1]] == [f"run-{i}" for i in range(seen[-1])]
    assert acknowledged(kill(child), "trace") >= seen[-1] - 2
    assert seen == sorted(seen)
    assert len(set(seen)) > 3, "states that do not change show nothing"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "etude-test", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        problem = mounted.stderr if mounted.returncode else ""
    except FileNotFoundError as error:
        problem = str(error)
    if problem:
        assert os.environ.get("CI") != "true", f"CI must be able to mount a tmpfs: {problem}"
        pytest.skip(f"cannot mount a small tmpfs: {problem}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_keeps_what_was_stored_and_the_study_goes_on_after_space_is_freed(small_disk, make_trace):
    ballast, folder = small_disk / "ballast", small_disk / "study"
    ballast.write_bytes(bytes(300_000))
    traces = [make_trace(f"run-{i}", i, steps=5000) for i in range(20)]
    stored = 0
    with StudyWriter.create_or_open(folder, {}) as writer:
        for trace in traces:
            try:
                writer.put_traces([trace])
                writer.put_checkpoint("shard", stored, bytes(20_000))
            except StorageError as error:
                message = str(error)
                break
            stored += 1
        assert message.startswith(f"no space left on {folder}'s disk: free some and run the same command again")
        assert 0 < stored < len(traces)
        assert len(writer.reader.traces()) in (stored, stored + 1)
        with pytest.raises(StorageError, match="no space left"):
            writer.put_weights("shard", bytes(900_000))
    with StudyReader.open(folder) as reader:
        assert len(reader.traces()) in (stored, stored + 1)
    ballast.unlink()
    with StudyWriter.create_or_open(folder, {}) as writer:
        assert writer.latest_checkpoint("shard") == bytes(20_000)
        assert writer.warnings == []
        writer.put_traces(traces[: stored + 2])
        assert list(writer.reader.traces()) == [trace.spec_hash for trace in traces[: stored + 2]]
    assert not list(small_disk.rglob("*.etude-tmp*"))


def test_a_disk_that_is_full_from_the_start_leaves_no_half_made_study(small_disk):
    folder, ballast = small_disk / "study", small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass
    assert free_bytes(small_disk) == 0
    with pytest.raises(StorageError, match="no space left"):
        StudyWriter.create_or_open(folder, {})
    ballast.unlink()
    StudyWriter.create_or_open(folder, {}).close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(5, "Input/output error", "study/checkpoints/a-1.safetensors")

    with StudyWriter.create_or_open(tmp_path, {}) as writer:
        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(StorageError, match=r"a-1.safetensors \(Input/output error\): check the disk"):
            writer.put_checkpoint("a", 1, b"x")
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "place" / "file"
    write_durably(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"new")
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("file", b"old")]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_interrupt_around_a_commit_leaves_the_writer_fit_to_go_on(tmp_path, make_trace, monkeypatch, moment):
    whole = book_module.transaction

    @contextlib.contextmanager
    def interrupted(*arguments):
        with whole(*arguments):
            yield
            if moment == "before":
                raise KeyboardInterrupt
        raise KeyboardInterrupt

    traces = [make_trace(f"run-{i}", i) for i in range(3)]
    with StudyWriter.create_or_open(tmp_path, {}) as writer:
        writer.put_traces(traces[:1])
        with monkeypatch.context() as patch:
            patch.setattr(book_module, "transaction", interrupted)
            with pytest.raises(KeyboardInterrupt):
                writer.put_traces(traces[:2])
        assert len(writer.reader.traces()) == (1 if moment == "before" else 2)
        writer.put_traces(traces)
    with StudyReader.open(tmp_path) as reader:
        assert list(reader.traces()) == ["run-0", "run-1", "run-2"]


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_checkpoint_stored_again_at_its_step_survives_a_kill_in_between(tmp_path, monkeypatch):
    with StudyWriter.create_or_open(tmp_path, {}) as writer:
        writer.put_checkpoint("a", 1, b"older")
        writer.put_checkpoint("a", 2, b"newer")
        monkeypatch.setattr(files_module, "sync_folder", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.put_checkpoint("a", 2, b"again")
    with StudyWriter.create_or_open(tmp_path, {}) as writer:
        assert writer.latest_checkpoint("a") == b"older"
        assert writer.warnings == []
