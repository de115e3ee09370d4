"""A bit flipped or a byte lost anywhere: noticed, named, never used."""

import random
import shutil
import sqlite3

import pytest

from etude.core.errors import DamagedError, StorageError
from etude.storage.reader import StudyReader
from etude.storage.rows import FINDINGS, TRACES, insert_row, ledger_entry, row_digest, stored_rows, write_ledger
from etude.storage.writer import StudyWriter

FLIPS = 200


@pytest.fixture(scope="module")
def truth(stored, everything):
    with StudyReader.open(stored) as reader:
        return everything(reader)


@pytest.fixture
def judge(stored, tmp_path, truth, content, spec, everything):
    """Puts damaged bytes in place of a file and sees that both sides notice, or that nothing has changed."""
    folder = tmp_path / "study"

    def renew(name, data):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(stored, folder)
        (folder / name).write_bytes(data)

    def named(error):
        assert str(folder) in str(error)
        return type(error).__name__

    def read(name, data):
        renew(name, data)
        try:
            with StudyReader.open(folder) as reader:
                assert everything(reader) == truth
            return "same"
        except StorageError as error:
            return named(error)

    def write(name, data):
        renew(name, data)
        try:
            with StudyWriter.create_or_open(folder, spec) as writer:
                warned = bool(writer.warnings)
                assert warned or everything(writer.reader) == truth
                if warned:
                    content.put(writer)
        except StorageError as error:
            return named(error)
        if not warned:
            return "same"
        with StudyReader.open(folder) as reader:
            assert everything(reader) == truth
        return "mended"

    return lambda name, data: (read(name, data), write(name, data))


def altered(data, rng):
    spot = rng.randrange(len(data))
    return data[:spot] + bytes([data[spot] ^ 1 << rng.randrange(8)]) + data[spot + 1 :]


@pytest.mark.parametrize("part", range(4))
def test_no_flipped_bit_in_the_database_passes_unnoticed(stored, judge, part):
    rng = random.Random(part)
    data = (stored / "study.db").read_bytes()
    seen = [judge("study.db", altered(data, rng)) for _ in range(FLIPS // 4)]
    assert {"DamagedError", "same"} <= {reading for reading, _ in seen}
    assert {"DamagedError", "mended"} <= {writing for _, writing in seen}


def test_no_flipped_bit_in_the_header_passes_unnoticed(stored, judge):
    data = (stored / "study.db").read_bytes()
    for spot in range(100):
        seen = judge("study.db", data[:spot] + bytes([data[spot] ^ 1 << spot % 8]) + data[spot + 1 :])
        assert set(seen) <= {"DamagedError", "same"}, spot


def test_no_flipped_bit_in_a_file_of_tensors_passes_unnoticed(stored, judge):
    rng = random.Random(1)
    for path in stored.rglob("*.safetensors"):
        name = str(path.relative_to(stored))
        for _ in range(15):
            reading, writing = judge(name, altered(path.read_bytes(), rng))
            assert reading == "DamagedError"
            assert writing == "mended"


def test_no_truncation_passes_unnoticed(stored, judge):
    data = (stored / "study.db").read_bytes()
    rng = random.Random(2)
    for length in [0, 1, 99, 100, 511, 4096, len(data) - 4096, len(data) - 1, *rng.sample(range(len(data)), 30)]:
        assert judge("study.db", data[:length]) == ("DamagedError", "DamagedError"), length
    weights = (stored / "weights/shard-0.safetensors").read_bytes()
    for length in [0, 1, 8, len(weights) - 1]:
        assert judge("weights/shard-0.safetensors", weights[:length]) == ("DamagedError", "mended")


def test_no_zeroed_block_passes_unnoticed(stored, judge):
    data = (stored / "study.db").read_bytes()
    for size in (512, 4096):
        for start in range(0, len(data), size):
            judge("study.db", data[:start] + bytes(size) + data[start + size :])


@pytest.mark.parametrize("name", ["weights/shard-0.safetensors", "checkpoints/shard-0-20.safetensors"])
def test_a_missing_file_is_named_with_the_remedy(study, name):
    (study / name).unlink()
    with pytest.raises(DamagedError, match=rf"{name} is missing or altered.*run the same command again"):
        StudyReader.open(study)


def sql(study, *statements):
    connection = sqlite3.connect(study / "study.db", isolation_level=None)
    for statement in statements:
        connection.execute(*((statement,) if isinstance(statement, str) else statement))
    connection.close()


@pytest.mark.parametrize("table", ["documents", "runs", "traces", "findings", "files", "ledger"])
def test_a_row_that_was_deleted_is_missed(study, spec, table):
    sql(study, f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(DamagedError, match=r"rows of table \w+ have vanished.* restore .* from a copy"):
            opening(study)


@pytest.mark.parametrize("table", ["runs", "traces", "findings", "files"])
def test_a_row_that_is_there_twice_is_noticed(study, spec, table):
    sql(study, f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(DamagedError):
            opening(study)


def test_a_row_that_is_there_twice_is_noticed_even_when_the_ledger_counts_it(study, spec):
    connection = sqlite3.connect(study / "study.db")
    with connection:
        connection.execute("INSERT INTO traces SELECT * FROM traces LIMIT 1")
        write_ledger(connection, TRACES, [digest for *_, digest in stored_rows(connection, TRACES)])
    connection.close()
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(DamagedError, match="is there twice"):
            opening(study)


def test_two_results_that_changed_places_are_noticed(study):
    sql(study, "UPDATE traces SET run = CASE rowid WHEN 1 THEN (SELECT run FROM traces WHERE rowid = 2) ELSE run END")
    with pytest.raises(DamagedError, match="the trace of run"):
        StudyReader.open(study)


def test_a_forged_row_with_a_valid_checksum_is_caught_by_the_ledger(study, spec):
    connection = sqlite3.connect(study / "study.db")
    _, row, _ = next(stored_rows(connection, TRACES))
    forged = (row[0], "completed", 999, *row[3:])
    with connection:
        connection.execute("DELETE FROM traces WHERE rowid = 1")
        insert_row(connection, TRACES, forged, row_digest(TRACES, forged))
    connection.close()
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(DamagedError, match="ledger"):
            opening(study)


def test_a_damaged_trace_is_named_and_a_writer_computes_only_that_again(study, content, spec):
    run = content.traces[3].spec_hash
    sql(study, ("UPDATE traces SET step = step + 1 WHERE run = ?", (run,)))
    with pytest.raises(DamagedError, match=f"the trace of run {run} does not match.*run the same command again"):
        StudyReader.open(study)
    with StudyWriter.create_or_open(study, spec) as writer:
        assert writer.warnings == [
            f"the trace of run {run} in {study} does not match its checksum: dropped, to be computed again"
        ]
        assert set(writer.reader.traces()) == {trace.spec_hash for trace in content.traces} - {run}
    StudyReader.open(study).close()


def test_damaged_findings_are_dropped_together(study, spec):
    sql(study, "UPDATE findings SET finding = '{}' WHERE position = 1")
    with StudyWriter.create_or_open(study, spec) as writer:
        assert len(writer.warnings) == 1
        assert writer.reader.findings() == []
    StudyReader.open(study).close()


@pytest.mark.parametrize(("table", "column"), [("documents", "json"), ("runs", "spec")])
def test_a_damaged_plan_or_spec_stops_a_writer_with_the_remedy(study, spec, table, column):
    sql(study, f"UPDATE {table} SET {column} = {column} || ' ' WHERE rowid = 1")
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(DamagedError, match=r"does not match its checksum.*start again with another --out"):
            opening(study)


def test_damage_that_comes_while_the_study_is_open_is_noticed_on_reading(study):
    with StudyReader.open(study) as reader:
        sql(study, "UPDATE traces SET reason = 'none' WHERE rowid = 2")
        (study / "weights/shard-0.safetensors").write_bytes(b"x")
        with pytest.raises(DamagedError, match="the trace of run"):
            reader.traces()
        with pytest.raises(DamagedError, match=r"weights/shard-0\.safetensors"):
            reader.weights("shard-0")


def test_a_file_that_is_no_database_is_named(study, spec):
    (study / "study.db").write_text("a diary, not a database" * 99)
    for opening in (StudyReader.open, lambda folder: StudyWriter.create_or_open(folder, spec)):
        with pytest.raises(DamagedError, match=r"study\.db is damaged \(file is not a database\): restore"):
            opening(study)


def test_the_database_of_another_program_is_refused(tmp_path, spec):
    sql(tmp_path, "CREATE TABLE songs (name)", "PRAGMA user_version = 1")
    with pytest.raises(DamagedError, match="its tables are not those of a study"):
        StudyWriter.create_or_open(tmp_path, spec)


def test_the_ledger_is_the_sum_of_digests_modulo_two_to_the_256th():
    digests = [row_digest(FINDINGS, (i, "x")) for i in range(9)]
    total = sum(int(digest.hex(), 16) for digest in digests)
    assert total >= 2**256
    assert ledger_entry(digests) == ledger_entry(reversed(digests))
    assert ledger_entry(digests) == (9, (total % 2**256).to_bytes(32, "big"))


def test_no_two_rows_share_a_digest_by_where_their_values_end_or_by_their_type():
    rows = [("ab", "c"), ("a", "bc"), ("abc", ""), ("ab", b"c"), (1, "x"), ("1", "x"), (b"1", "x")]
    assert len({row_digest(FINDINGS, row) for row in rows}) == len(rows)
    assert row_digest(FINDINGS, (1, "x")) != row_digest(TRACES, (1, "x"))
