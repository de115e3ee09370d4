"""What SQLite and the system report, in words that name the folder and the remedy."""

import errno
import sqlite3
from pathlib import Path

import pytest

from etude.core.errors import DamagedError, StorageError
from etude.storage import database
from etude.storage.guard import storage_errors
from etude.storage.writer import StudyWriter

FOLDER = Path("some/study")


def from_sqlite(code):
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (from_sqlite(sqlite3.SQLITE_FULL), StorageError, "no space left on some/study's disk: free some and run"),
        (from_sqlite(sqlite3.SQLITE_BUSY), StorageError, "kept busy by another process: wait for it"),
        (from_sqlite(sqlite3.SQLITE_IOERR_FSYNC), StorageError, "cannot read or write some/study/study.db"),
        (from_sqlite(sqlite3.SQLITE_READONLY), StorageError, "check the disk and its permissions"),
        (from_sqlite(sqlite3.SQLITE_CORRUPT), DamagedError, "some/study/study.db is damaged .*: restore"),
        (from_sqlite(sqlite3.SQLITE_NOTADB), DamagedError, "start again with another --out"),
        (sqlite3.OperationalError("Could not decode to UTF-8"), DamagedError, "Could not decode"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), DamagedError, "its text is not UTF-8"),
        (OSError(errno.ENOSPC, "full"), StorageError, "nothing stored before is lost"),
        (OSError(errno.EDQUOT, "quota"), StorageError, "no space left"),
        (
            PermissionError(errno.EACCES, "denied", "that/file"),
            StorageError,
            r"cannot read or write that/file \(denied\)",
        ),
    ],
)
def test_each_fault_is_named_with_its_remedy(error, kind, message):
    with pytest.raises(StorageError, match=message) as caught, storage_errors(FOLDER):
        raise error
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error


def test_a_writable_file_that_calls_itself_read_only_is_damaged(study):
    with pytest.raises(DamagedError, match="its header says"), storage_errors(study):
        raise from_sqlite(sqlite3.SQLITE_READONLY)


def test_a_mistake_of_ours_is_not_called_damage():
    with pytest.raises(sqlite3.ProgrammingError), storage_errors(FOLDER):
        raise sqlite3.ProgrammingError("closed")


def test_an_sqlite_without_strict_tables_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(database.sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StorageError, match=r"needs SQLite >= 3\.37"):
        StudyWriter.create_or_open(tmp_path, {})
