"""Studies killed at random moments and gone on with: nothing acknowledged is lost, and no bit differs."""

import random
import time

import pytest

from etude.studies import shards

STUDIES = {
    "mlp": ("--engine", "stack", "--lr", "0.01:1:6", "--seeds", "2", "--steps", "150", "--workers", "2"),
    "cnn-bn": (
        *("--model", "cnn-bn", "--engine", "loop", "--lr", "0.01:1:3", "--seeds", "1"),
        *("--steps", "15", "--batch-size", "16", "--workers", "1"),
    ),
}


def checkpoint_often_and_note(notes):
    """Make checkpoints come often, and note every stack that goes on from one."""

    def before():
        shards.CHECKPOINT_SECONDS = 0.02
        unpack = shards.unpack

        def noting(*arguments):
            lanes = unpack(*arguments)
            with notes.open("a") as stream:
                stream.write(f"{lanes.step}\n")
            return lanes

        shards.unpack = noting

    return before


def kill_until_finished(start, contents, folder, flags, kills, notes):
    """Run, kill and run again, ``kills`` times; then let it finish. Returns how many found the command still running."""
    chance = random.Random(1)
    words = ("run", "convergence", "--data", "digits", *flags, "--out")
    before = checkpoint_often_and_note(notes)
    began = time.monotonic()
    undisturbed = start(*words, str(folder / "undisturbed"), before=before)
    assert undisturbed.wait(300) == 0, undisturbed.err
    whole = time.monotonic() - began
    expected = contents(folder / "undisturbed")
    assert not notes.exists()

    study, state, landed = folder / "killed", None, 0
    for done in range(kills):
        command = start(*words, str(study), before=before)
        command.process.join(chance.uniform(0, 0.6 * whole))
        alive = command.process.is_alive()
        # Every other time the workers are left behind, as when memory runs out and the kernel picks their parent.
        command.process.kill() if done % 2 else command.kill()
        command.process.join()
        landed += alive
        if (study / "study.db").exists():
            now = contents(study)
            assert state is None or now.includes(state)
            assert expected.includes(now)
            state = now
        if command.process.exitcode == 0:
            assert contents(study) == expected
            study, state = folder / f"killed-{done}", None
    last = start(*words, str(study), before=before)
    assert last.wait(300) == 0, last.err
    assert contents(study) == expected
    return landed


def test_a_killed_study_goes_on_to_the_same_bits(tmp_path, start, contents):
    notes = tmp_path / "resumed"
    landed = kill_until_finished(start, contents, tmp_path, STUDIES["mlp"], 5, notes)
    assert landed >= 2
    assert any(int(line) > 0 for line in notes.read_text().split())


@pytest.mark.long
@pytest.mark.parametrize("name", STUDIES)
def test_a_hundred_kills_change_no_bit(tmp_path, start, contents, name):
    notes = tmp_path / "resumed"
    landed = kill_until_finished(start, contents, tmp_path, STUDIES[name], 100, notes)
    assert landed >= 50
    assert any(int(line) > 0 for line in notes.read_text().split())
