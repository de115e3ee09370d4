"""Bits flipped and files cut short: noticed, named, computed again or refused, and never believed."""

import random
import shutil
import sqlite3

import pytest

from etude.core.errors import StorageError
from etude.studies.stored import read_stored


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished study, to be damaged."""
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    return folder


def flip(path, position, bit=3):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def remedied(folder, etude_says, tiny_flags, contents, expected):
    """The same command mends the study to the same bits, or says what to do; it never says something else."""
    code, _, err = etude_says("run", "convergence", *tiny_flags, "--out", folder, "--workers", "0")
    if code:
        assert code == 1
        [sentence] = err.splitlines()
        assert "damaged" in sentence
        assert "--out" in sentence
    else:
        assert contents(folder) == expected
        assert etude_says("show", folder)[0] == 0
    return code


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_in_the_database_never_changes_an_answer(copy, finished, etude_says, tiny_flags, contents, seed):
    database = copy / "study.db"
    chance = random.Random(seed)
    flip(database, chance.randrange(database.stat().st_size), chance.randrange(8))
    right = etude_says("show", finished, "--json")[1]
    code, out, err = etude_says("show", copy, "--json")
    if code:
        assert out == ""
        assert "damaged" in err
        assert "Traceback" not in err
    else:
        assert out == right  # the bit lay where SQLite keeps nothing
    remedied(copy, etude_says, tiny_flags, contents, contents(finished))


@pytest.mark.parametrize("keep", [0, 10, 4096, 0.5, 0.99])
def test_a_truncated_database_is_named(copy, finished, etude_says, tiny_flags, contents, keep):
    database = copy / "study.db"
    data = database.read_bytes()
    database.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    for command in ("show", "report"):
        code, out, err = etude_says(command, copy)
        assert (code, out) == (1, "")
        assert str(copy) in err
        assert "damaged" in err
    remedied(copy, etude_says, tiny_flags, contents, contents(finished))


@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
def test_damaged_weights_are_named_and_computed_again(copy, finished, etude_says, tiny_flags, contents, how):
    weights = sorted((copy / "weights").iterdir())[1]
    if how == "flipped":
        flip(weights, 5000)
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:100])
    else:
        weights.unlink()
    for command in ("show", "report"):
        code, out, err = etude_says(command, copy)
        assert (code, out) == (1, "")
        assert f"{weights} is missing or altered" in err
        assert "run the same command again" in err
    code, out, _ = etude_says("run", "convergence", *tiny_flags, "--out", copy, "--workers", "0")
    assert code == 0
    assert f"warning: {weights} is missing or does not match its checksum: dropped, to be computed again" in out
    assert contents(copy) == contents(finished)


def test_a_damaged_trace_is_computed_again_and_until_then_the_study_is_not_finished(
    copy, finished, etude_says, tiny_flags, contents
):
    with sqlite3.connect(copy / "study.db") as connection:
        connection.execute("UPDATE traces SET ending = 'diverged' WHERE rowid = 1")
    assert etude_says("show", copy)[0] == 1
    assert remedied(copy, etude_says, tiny_flags, contents, contents(finished)) == 0


def test_findings_without_their_traces_are_not_shown(copy, monkeypatch, etude_says):
    from etude.storage.reader import StudyReader

    traces = StudyReader.traces
    monkeypatch.setattr(StudyReader, "traces", lambda reader: dict(list(traces(reader).items())[:-1]))
    code, out, err = etude_says("show", copy)
    assert (code, out) == (2, "")
    assert "is not finished (" in err


def test_sentences_of_another_version_are_not_guessed(copy, monkeypatch):
    from etude.core.message import Message
    from etude.storage.reader import StudyReader

    findings = StudyReader.findings

    def altered(reader):
        first, *rest = findings(reader)
        object.__setattr__(first, "statement", Message("a.sentence.of.another.version"))
        return [first, *rest]

    monkeypatch.setattr(StudyReader, "findings", altered)
    with pytest.raises(StorageError, match=r"made by another Étude .*: use that one, or run the study again"):
        read_stored(copy)


def test_the_report_itself_is_never_read(copy, etude_says):
    report = copy / "report.html"
    right = report.read_bytes()
    report.write_bytes(b"damaged")
    assert etude_says("report", copy) == (0, f"{report}\n", "")
    assert report.read_bytes() == right


def test_a_report_that_cannot_be_written_is_said(copy, etude_says):
    (copy / "report.html").unlink()
    (copy / "report.html").mkdir()
    code, out, err = etude_says("report", copy)
    assert (code, out) == (1, "")
    assert err.startswith(f"etude: cannot write {copy / 'report.html'} (")
    assert "the study itself is safe" in err
