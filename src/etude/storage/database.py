"""The SQLite file: made whole, opened with care, read and changed in transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from etude.core.errors import StorageError
from etude.storage.files import TEMPORARY, move_durably
from etude.storage.guard import DATABASE, malformed, recomputable, storage_errors
from etude.storage.rows import (
    FORMAT,
    LEDGER_SQL,
    TABLES,
    Key,
    Row,
    Table,
    insert_row,
    ledger_entry,
    row_digest,
    stored_ledger,
    stored_rows,
    write_ledger,
)

_WAIT_S = 60.0  # a reader verifies a study of gigabytes, or a writer commits, in less
_STRICT_SINCE = (3, 37)
_MARK = 0x65747500  # "etu": the format is written twice, so that a flipped bit does not pass for another version


def create(folder: Path, first: Sequence[tuple[Table, Row]]) -> None:
    """Make ``study.db`` with its first rows; it appears complete or not at all."""
    beside = folder / f"{DATABASE}{TEMPORARY}"
    with storage_errors(folder):
        beside.unlink(missing_ok=True)
        connection = _connect(beside, "rwc")
        try:
            with transaction(connection, folder):
                for sql in (*(table.sql for table in TABLES), LEDGER_SQL):
                    connection.execute(sql)
                for table in TABLES:
                    digests = [(row, row_digest(table, row)) for owner, row in first if owner is table]
                    for row, digest in digests:
                        insert_row(connection, table, row, digest)
                    write_ledger(connection, table, [digest for _, digest in digests])
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                connection.execute(f"PRAGMA application_id = {_MARK + FORMAT}")
        finally:
            connection.close()
        move_durably(beside, folder / DATABASE)


def connect(folder: Path, *, writing: bool) -> sqlite3.Connection:
    """Open ``study.db`` and see that its structure is sound.

    A reader opens it writable too, where permissions allow, because after a kill SQLite must first roll back the
    transaction that was cut off; it then refuses every change.

    Raises:
        StorageError: When another version wrote it.
        DamagedError: When its structure is not sound.
    """
    with storage_errors(folder):
        connection = _connect(folder / DATABASE, "rw")
        try:
            if not writing:
                connection.execute("PRAGMA query_only = ON")
            _check_structure(connection, folder)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection, folder: Path, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All of what happens inside, or nothing of it."""
    with storage_errors(folder):
        try:
            connection.execute(begin)
            yield
            connection.execute("COMMIT")
        finally:
            # SQLite may have rolled back already, as it does when the disk is full.
            if connection.in_transaction:
                connection.execute("ROLLBACK")


@contextmanager
def snapshot(connection: sqlite3.Connection, folder: Path) -> Iterator[None]:
    """One state of the study, however long the reading takes and whatever a writer does meanwhile."""
    with transaction(connection, folder, "BEGIN"):
        yield


def checked_rows(connection: sqlite3.Connection, folder: Path, table: Table) -> Iterator[tuple[Row, bytes]]:
    """Rows with their digests, each checked; the ledger is checked after the last, so read to the end.

    Raises:
        DamagedError: Naming the first row, or the table, that does not hold.
    """
    damage = recomputable if table.recomputable else malformed
    keys: set[Key] = set()
    digests: list[bytes] = []
    for _, row, digest in stored_rows(connection, table):
        if row_digest(table, row) != digest:
            raise damage(folder, f"{table.label(row)} does not match its checksum")
        if table.key(row) in keys:
            raise malformed(folder, f"{table.label(row)} is there twice")
        keys.add(table.key(row))
        digests.append(digest)
        yield row, digest
    if ledger_entry(digests) != stored_ledger(connection, table):
        raise malformed(folder, f"rows of table {table.name} have vanished, or its ledger is wrong")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _STRICT_SINCE:
        raise StorageError(
            f"needs SQLite >= 3.37, got {sqlite3.sqlite_version}: install a Python built with a newer one"
        )
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", _WAIT_S, isolation_level=None, uri=True)
    # EXTRA is FULL and also makes the end of a transaction survive a power cut; a rollback journal works on network
    # file systems, where a write-ahead log does not.
    for pragma in ("synchronous = EXTRA", "trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _check_structure(connection: sqlite3.Connection, folder: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    marked = connection.execute("PRAGMA application_id").fetchone()[0] - _MARK
    schema = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema")}
    if not schema:
        raise malformed(folder, "it is empty")
    if version == marked != FORMAT:
        raise StorageError(
            f"{folder / DATABASE} is in format {version} and this Étude reads format {FORMAT}: "
            "use the version of Étude that wrote it, or choose another --out"
        )
    if schema != {LEDGER_SQL, *(table.sql for table in TABLES)}:
        raise malformed(folder, "its tables are not those of a study")
    if not version == marked == FORMAT:
        raise malformed(folder, "its header contradicts itself")
    problem = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem != "ok":
        raise malformed(folder, str(problem))
