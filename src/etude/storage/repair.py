"""What a writer mends when it opens a study: parts that can be computed again are dropped, with a warning."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from etude.storage.database import transaction
from etude.storage.files import CHECKPOINTS, WEIGHTS, file_holds, file_path
from etude.storage.guard import malformed
from etude.storage.rows import (
    FILES,
    FINDINGS,
    TABLES,
    Key,
    Row,
    Table,
    delete_row,
    ledger_entry,
    row_digest,
    stored_ledger,
    stored_rows,
    write_ledger,
)

Index = dict[Key, bytes]

_REMEDY = {
    CHECKPOINTS: "dropped, an older one is used, or its runs start again",
    WEIGHTS: "dropped, to be computed again",
}


def verified_index(connection: sqlite3.Connection, folder: Path) -> tuple[dict[str, Index], list[str]]:
    """Digests of the sound rows by table and key, after the others were dropped; and a warning for each.

    Raises:
        DamagedError: When what is damaged cannot be computed again, or the ledger disagrees in a way that damaged rows
            do not explain.
    """
    warnings: list[str] = []
    with transaction(connection, folder):
        index = {table.name: _sound_rows(connection, folder, table, warnings) for table in TABLES}
        _drop_files(connection, folder, index[FILES.name], warnings)
    return index, warnings


def _sound_rows(connection: sqlite3.Connection, folder: Path, table: Table, warnings: list[str]) -> Index:
    sound: Index = {}
    damaged: list[tuple[int, Row]] = []
    stored: list[bytes] = []
    actual: list[bytes] = []
    for rowid, row, digest in stored_rows(connection, table):
        stored.append(digest)
        actual.append(row_digest(table, row))
        if digest == actual[-1]:
            sound[table.key(row)] = digest
        else:
            damaged.append((rowid, row))
    _check_ledger(connection, folder, table, (stored, actual))
    if len(sound) + len(damaged) != len(stored):
        raise malformed(folder, f"a row of table {table.name} is there twice")
    if damaged and not table.recomputable:
        raise malformed(folder, f"{table.label(damaged[0][1])} does not match its checksum")
    for rowid, row in damaged:
        connection.execute(f"DELETE FROM {table.name} WHERE rowid = ?", (rowid,))  # noqa: S608
        warnings.append(f"{table.label(row)} in {folder} does not match its checksum: dropped, to be computed again")
    if damaged and table is FINDINGS:
        # A conclusion is drawn from all runs at once; a part of the findings would pass for all of them.
        connection.execute(f"DELETE FROM {table.name}")  # noqa: S608
        sound.clear()
    if damaged:
        write_ledger(connection, table, sound.values())
    return sound


def _check_ledger(
    connection: sqlite3.Connection, folder: Path, table: Table, digests: tuple[list[bytes], list[bytes]]
) -> None:
    # Damage inside a row leaves either its stored digest or its content as the ledger knew them.
    if stored_ledger(connection, table) not in [ledger_entry(each) for each in digests]:
        raise malformed(folder, f"rows of table {table.name} have vanished, or its ledger is wrong")


def _drop_files(connection: sqlite3.Connection, folder: Path, index: Index, warnings: list[str]) -> None:
    count = len(index)
    for _, row, _ in list(stored_rows(connection, FILES)):
        if not file_holds(folder, row):
            delete_row(connection, FILES, FILES.key(row))
            del index[FILES.key(row)]
            warnings.append(f"{file_path(folder, row)} is missing or does not match its checksum: {_REMEDY[row[0]]}")
    if len(index) < count:
        write_ledger(connection, FILES, index.values())
