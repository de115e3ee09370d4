"""Writing and reading a study: what goes in comes out, and what must not go in does not."""

import dataclasses
import json
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import etude
from etude.core.errors import SpecError, StorageError, UserError
from etude.core.trace import Ending, Outcome, Trace
from etude.storage import writer as writer_module
from etude.storage.blobs import trace_row
from etude.storage.files import CHECKPOINTS, TEMPORARY, free_bytes
from etude.storage.reader import StudyReader
from etude.storage.rows import RUNS, insert_row, row_digest, write_ledger
from etude.storage.writer import StudyWriter


def test_everything_comes_back(stored, content, spec):
    with StudyReader.open(stored) as reader:
        assert reader.info().spec == spec
        assert reader.info().provenance == {"host": "here"}
        assert reader.info().etude == etude.__version__
        assert reader.specs() == content.specs
        assert reader.plan("engine") == {"engine": "stack", "shards": [["a", "b"], ["c"]]}
        assert reader.plan("absent") is None
        assert reader.findings() == content.findings
        assert reader.weights("shard-0") == content.weights
        assert list(reader.traces()) == [trace.spec_hash for trace in content.traces]
        assert [trace_row(trace) for trace in reader.traces().values()] == [trace_row(t) for t in content.traces]


def test_putting_the_same_again_changes_nothing(study, content, everything, spec):
    with StudyReader.open(study) as reader:
        before = everything(reader)
    with StudyWriter.create_or_open(study, spec, {"host": "elsewhere"}) as writer:
        content.put(writer)
        assert writer.warnings == []
        assert everything(writer.reader) == before


def test_runs_keep_the_order_in_which_they_were_first_added(tmp_path, content, spec):
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        writer.add_runs(content.specs[3:])
        writer.add_runs(content.specs[:4])
        assert writer.reader.specs() == [*content.specs[3:], *content.specs[:3]]


def test_findings_are_replaced_as_a_whole(study, content, spec):
    with StudyWriter.create_or_open(study, spec) as writer:
        writer.put_findings(content.findings[1:])
        assert writer.reader.findings() == content.findings[1:]
        writer.put_findings([])
        assert writer.reader.findings() == []


def test_another_trace_of_the_same_run_is_refused_and_the_first_is_kept(study, content, spec, everything):
    first = content.traces[2]
    loss = first.per_step["loss"].copy()
    loss[-1] = np.nextafter(loss[-1], np.inf)
    other = dataclasses.replace(first, per_step={**first.per_step, "loss": loss})
    new = Trace("new", Outcome(Ending.COMPLETED, 1))
    with StudyWriter.create_or_open(study, spec) as writer:
        before = everything(writer.reader)
        with pytest.raises(StorageError, match=f"run {first.spec_hash} .* not deterministic"):
            writer.put_traces([new, other])
        assert everything(writer.reader) == before


def test_a_plan_cannot_be_changed(study, spec):
    with (
        StudyWriter.create_or_open(study, spec) as writer,
        pytest.raises(StorageError, match="document plan/engine cannot be stored"),
    ):
        writer.put_plan("engine", {"engine": "loop"})


@pytest.mark.parametrize("plan", [{"lr": math.nan}, {"f": print}, {"name": "\udc80"}])
def test_a_plan_that_is_not_plain_json_is_refused(study, spec, plan):
    with StudyWriter.create_or_open(study, spec) as writer, pytest.raises(StorageError, match="plain JSON"):
        writer.put_plan("new", plan)


def test_other_options_are_named_with_both_values_and_the_remedy(study, spec):
    changed = {**spec, "seeds": 4, "data": {"name": "mnist", "size": 1797}}
    with pytest.raises(SpecError) as caught:
        StudyWriter.create_or_open(study, changed)
    text = str(caught.value)
    assert 'data.name was "digits", now "mnist"; seeds was 3, now 4' in text
    assert "choose another --out, or give the same options" in text
    assert "lr" not in text
    StudyWriter.create_or_open(study, spec).close()


def test_going_on_with_another_version_of_etude_is_told(study, spec, monkeypatch):
    monkeypatch.setattr(writer_module, "__version__", "9.9.9")
    with StudyWriter.create_or_open(study, spec) as writer:
        assert writer.warnings == [f"the study was begun with Étude {etude.__version__} and goes on with 9.9.9"]


def test_a_folder_with_other_things_in_it_is_not_a_study_and_stays_as_it_is(tmp_path, spec):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"is not a study: it holds thesis.tex") as caught:
        StudyWriter.create_or_open(tmp_path, spec)
    assert caught.value.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_journal_that_lost_its_database_is_not_rolled_into_a_new_one(tmp_path, spec):
    (tmp_path / "study.db-journal").write_bytes(b"x")
    with pytest.raises(UserError, match=r"it holds study\.db-journal and no study\.db"):
        StudyWriter.create_or_open(tmp_path, spec)


def test_the_longest_key_is_a_file_name(tmp_path, spec):
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        writer.put_checkpoint("x" * 120, 10**12, b"x")
        assert writer.latest_checkpoint("x" * 120) == b"x"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, spec):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another --out"):
        StudyWriter.create_or_open(tmp_path / "file", spec)


@pytest.mark.parametrize("name", [".", "missing"])
def test_what_is_not_a_study_cannot_be_read(tmp_path, name):
    with pytest.raises(UserError, match="is not a study"):
        StudyReader.open(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_creation_was_cut_off_is_begun_afresh(tmp_path, spec):
    (tmp_path / "study.lock").write_text("{")
    (tmp_path / f"study.db{TEMPORARY}").write_bytes(b"half")
    (tmp_path / f"study.db{TEMPORARY}-journal").write_bytes(b"half")
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        assert writer.reader.info().spec == spec
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.db", "study.lock"]


def test_another_format_is_named_with_ours(study, spec):
    with sqlite3.connect(study / "study.db") as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute(f"PRAGMA application_id = {int.from_bytes(b'etu' + bytes([99]), 'big')}")
    connection.close()
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(StorageError, match=r"format 99 and this Étude reads format 1"):
            opening(study)


@pytest.mark.parametrize("path", ["os:system", "pickle:loads", "etude.core.errors:UserError"])
def test_a_spec_that_names_foreign_code_is_refused(study, path):
    row = ("run", 99, json.dumps({"type": path, "command": "true"}))
    with sqlite3.connect(study / "study.db") as connection:
        insert_row(connection, RUNS, row, row_digest(RUNS, row))
        digests = [digest for (digest,) in connection.execute("SELECT digest FROM runs")]
        write_ledger(connection, RUNS, digests)
    connection.close()
    with StudyReader.open(study) as reader, pytest.raises(StorageError, match="unknown record"):
        reader.specs()


def test_the_newest_two_checkpoints_are_kept_and_dropped_at_the_end(tmp_path, spec):
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        assert writer.latest_checkpoint("a") is None
        for step in range(0, 120, 10):
            writer.put_checkpoint("a", step, b"a%d" % step)
            writer.put_checkpoint("a-1", step, b"other")
        assert writer.latest_checkpoint("a") == b"a110"
        mine = sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir())
        assert mine == ["a-1-100.safetensors", "a-1-110.safetensors", "a-100.safetensors", "a-110.safetensors"]
        writer.drop_checkpoints("a")
        assert writer.latest_checkpoint("a") is None
        assert writer.latest_checkpoint("a-1") == b"other"
        assert len(list((tmp_path / CHECKPOINTS).iterdir())) == 2


@pytest.mark.parametrize("damage", ["missing", "altered", "cut"])
def test_a_damaged_checkpoint_falls_back_to_the_older_one_and_says_so(tmp_path, spec, damage):
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        writer.put_checkpoint("a", 1, b"older")
        writer.put_checkpoint("a", 2, b"newer")
        path = tmp_path / CHECKPOINTS / "a-2.safetensors"
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"newes" if damage == "altered" else b"new")
        assert writer.latest_checkpoint("a") == b"older"
        assert writer.warnings == [f"{path} is missing or does not match its checksum: an older checkpoint is used"]
        (tmp_path / CHECKPOINTS / "a-1.safetensors").unlink()
        assert writer.latest_checkpoint("a") is None
        assert writer.warnings[1].endswith("its runs start again")
    StudyReader.open(tmp_path).close()


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "a\0b", "x" * 121])
def test_a_key_that_is_no_plain_file_name_is_refused(tmp_path, spec, key):
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        with pytest.raises(StorageError, match="needs a key"):
            writer.put_checkpoint(key, 1, b"")
        with pytest.raises(StorageError, match="needs a key"):
            writer.put_weights(key, b"")


def test_weights_with_another_order_in_their_header_are_the_same(tmp_path, spec):
    def serialised():
        return safetensors.numpy.save({"w": np.ones(2)}, metadata={str(i): "x" for i in range(9)})

    first = serialised()
    other = next(data for data in iter(serialised, None) if data != first)
    with StudyWriter.create_or_open(tmp_path, spec) as writer:
        writer.put_weights("a", first)
        writer.put_weights("a", other)
        assert writer.reader.weights("a") == first
        with pytest.raises(StorageError, match="not deterministic"):
            writer.put_weights("a", safetensors.numpy.save({"w": np.zeros(2)}))


def test_weights_that_were_never_stored_are_asked_for_in_vain(stored):
    with StudyReader.open(stored) as reader, pytest.raises(StorageError, match="holds no weights 'shard-7'"):
        reader.weights("shard-7")


def test_what_a_killed_writer_left_half_written_is_removed_and_nothing_else(study, spec):
    ours = [study / CHECKPOINTS / f"a-1.safetensors.1{TEMPORARY}", study / "weights" / f"x{TEMPORARY}"]
    theirs = [study / CHECKPOINTS / "notes.txt", study / "weights" / "mine.safetensors", study / f"x{TEMPORARY}.bak"]
    for path in ours + theirs:
        path.write_bytes(b"x")
    StudyWriter.create_or_open(study, spec).close()
    assert [path.exists() for path in ours + theirs] == [False] * 2 + [True] * 3


@pytest.mark.parametrize("name", ["a b", "100%41?mode=ro#x", "été 学习率", "deep/er", "-out"])
def test_any_folder_name_will_do(tmp_path, spec, name):
    with StudyWriter.create_or_open(tmp_path / name, spec):
        pass
    with StudyReader.open(tmp_path / name) as reader:
        assert reader.info().spec == spec
    assert (tmp_path / name / "study.db").is_file()


def test_a_relative_folder_will_do(tmp_path, spec, monkeypatch):
    monkeypatch.chdir(tmp_path)
    StudyWriter.create_or_open(Path("out"), spec).close()
    StudyReader.open(Path("out")).close()


def test_free_space_is_that_of_the_disk_which_will_hold_the_folder(tmp_path):
    expected = os.statvfs(tmp_path)
    assert free_bytes(tmp_path / "not" / "yet") == pytest.approx(expected.f_bavail * expected.f_frsize, rel=0.05)


def test_storage_does_not_import_torch():
    code = "import sys, etude.storage.writer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
