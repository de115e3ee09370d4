"""SIGTERM, Ctrl-C, a second writer, dead workers."""

import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from etude.storage.reader import StudyReader

SHORT = {"lr": "0.01:1:3", "seeds": 1, "steps": 60, "batch_size": 32}
FLAGS = ("--lr", "0.01:1:3", "--seeds", "1", "--steps", "60", "--batch-size", "32", "--no-weights")


def members(group: int) -> list[int]:
    """The live processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + 60
    while members(group) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert members(group) == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, contents):
    import etude

    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    etude.Study("convergence", out=folder, **SHORT).run(workers=0, keep_weights=False)
    return contents(folder)


@pytest.mark.parametrize(
    ("number", "whole_group", "workers"),
    [(signal.SIGTERM, False, "2"), (signal.SIGINT, True, "2"), (signal.SIGINT, False, "0")],
    ids=["SIGTERM", "Ctrl-C", "Ctrl-C without workers"],
)
def test_a_signal_saves_and_names_the_command_that_goes_on(
    tmp_path, start, slow, wait_until_training, contents, undisturbed, number, whole_group, workers
):
    folder = tmp_path / "my study"
    words = ("run", "convergence", *FLAGS, "--out", str(folder), "--workers", workers)
    command = start(*words, before=slow())
    wait_until_training(folder)
    (os.killpg if whole_group else os.kill)(command.group, number)
    assert command.wait() == 128 + number
    wait_until_gone(command.group)
    [sentence] = command.err.splitlines()
    assert sentence.startswith("etude: stopped; everything done so far is saved; go on with: etude run ")
    going_on = shlex.split(sentence.partition("go on with: ")[2])
    assert going_on == ["etude", *words]
    before = contents(folder)
    with StudyReader.open(folder) as reader:
        assert any(row[0] == "checkpoints" and row[2] > 0 for row in reader.files())

    again = start(*going_on[1:])
    assert again.wait() == 0, again.err
    assert contents(folder).includes(before)
    assert contents(folder) == undisturbed


def test_a_second_signal_ends_at_once_and_leaves_no_worker(
    tmp_path, start, slow, wait_until_training, contents, undisturbed
):
    folder = tmp_path / "study"
    words = ("run", "convergence", *FLAGS, "--out", str(folder), "--workers", "2")
    command = start(*words, before=slow(4))
    wait_until_training(folder)
    os.kill(command.group, signal.SIGTERM)
    time.sleep(0.05)  # signals that wait to be delivered have no order
    os.kill(command.group, signal.SIGINT)
    assert command.wait() == 128 + signal.SIGINT
    assert command.err == ""  # it did not stay to save and to say so
    wait_until_gone(command.group)
    again = start(*words)
    assert again.wait() == 0, again.err
    assert contents(folder) == undisturbed


def test_without_out_the_resuming_command_names_the_default_folder(
    tmp_path, start, slow, wait_until_training, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    command = start("run", "convergence", *FLAGS, before=slow())
    home = tmp_path / "etude-studies"
    wait_until_training(home, "*/checkpoints/*.safetensors")
    os.kill(command.group, signal.SIGINT)
    assert command.wait() == 130
    [folder] = home.iterdir()
    assert command.err.rstrip().endswith(f"--out {folder.relative_to(tmp_path)}")


def test_orphans_of_a_killed_study_leave_soon_and_keep_no_one_out(tmp_path, start, slow, wait_until_training):
    folder = tmp_path / "study"
    words = ("run", "convergence", *FLAGS, "--out", str(folder), "--workers", "2")
    command = start(*words, before=slow())
    wait_until_training(folder)
    os.kill(command.group, signal.SIGKILL)
    command.wait()
    again = start(*words)
    assert again.wait() == 0, again.err
    wait_until_gone(command.group)


def test_a_second_writer_is_told_at_once_who_the_first_is(tmp_path, start, slow, wait_until_training):
    folder = tmp_path / "study"
    words = ("run", "convergence", *FLAGS, "--out", str(folder))
    first = start(*words, before=slow(2))
    wait_until_training(folder)
    second = start(*words)
    assert second.wait() == 1
    assert second.err.startswith(f"etude: the study in {folder} is being run by process {first.group} on ")
    assert "wait for it, or choose another --out" in second.err
    assert first.process.is_alive(), "it waited until the first was done"


def test_a_worker_that_is_killed_once_changes_no_bit(tmp_path, start, slow, wait_until_training, contents, undisturbed):
    folder = tmp_path / "study"
    command = start("run", "convergence", *FLAGS, "--out", str(folder), "--workers", "2", before=slow(0.1))
    wait_until_training(folder)
    victim = next(member for member in members(command.group) if member != command.group)
    os.kill(victim, signal.SIGKILL)
    assert command.wait() == 0, command.err
    assert contents(folder) == undisturbed
