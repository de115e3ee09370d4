"""Rows that vouch for themselves, and a ledger that vouches for their number.

Every row carries SHA-256 over its table's name and its values. The ledger keeps, per table, the number of rows and

    sum over rows of digest(row)    modulo 2²⁵⁶,

updated in the same transaction. An altered row fails its own digest; a vanished, added or exchanged one fails the sum,
whatever the order of the rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

FORMAT = 1

Row = tuple[Any, ...]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A table: its columns with their SQL types; the first ``keys`` of them name a row.

    There is no SQL index: it would be a second copy of the keys that damage could set against the rows.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    keys: int
    noun: str
    recomputable: bool

    @property
    def sql(self) -> str:
        """The statement that creates the table."""
        columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in self.columns)
        return f"CREATE TABLE {self.name} ({columns}, digest BLOB NOT NULL) STRICT"

    def key(self, row: Row) -> Key:
        """The values that name a row."""
        return row[: self.keys]

    def label(self, row: Row) -> str:
        """What messages call a row."""
        return f"{self.noun} {' '.join(str(value)[:80] for value in self.key(row))}"


DOCUMENTS = Table("documents", (("name", "TEXT"), ("json", "TEXT")), 1, "the document", recomputable=False)
RUNS = Table(
    "runs", (("run", "TEXT"), ("position", "INTEGER"), ("spec", "TEXT")), 1, "the spec of run", recomputable=False
)
TRACES = Table(
    "traces",
    (
        ("run", "TEXT"),
        ("ending", "TEXT"),
        ("step", "INTEGER"),
        ("reason", "TEXT"),
        ("columns", "TEXT"),
        ("data", "BLOB"),
    ),
    1,
    "the trace of run",
    recomputable=True,
)
FINDINGS = Table("findings", (("position", "INTEGER"), ("finding", "TEXT")), 1, "finding", recomputable=True)
FILES = Table(
    "files",
    (("folder", "TEXT"), ("key", "TEXT"), ("step", "INTEGER"), ("bytes", "INTEGER"), ("sha256", "TEXT")),
    3,
    "the entry of file",
    recomputable=True,
)
TABLES = (DOCUMENTS, RUNS, TRACES, FINDINGS, FILES)
LEDGER_SQL = "CREATE TABLE ledger (name TEXT NOT NULL, rows INTEGER NOT NULL, sum BLOB NOT NULL) STRICT"


def row_digest(table: Table, row: Row) -> bytes:
    """SHA-256 of a row, each value with its type and length, so that no two rows read alike."""
    digest = hashlib.sha256()
    for value in (table.name, *row):
        kind = type(value).__name__
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        digest.update(f"{kind} {len(data)} ".encode())
        digest.update(data)
    return digest.digest()


def ledger_entry(digests: Iterable[bytes]) -> tuple[int, bytes]:
    """Number of rows, and the sum of their digests modulo 2²⁵⁶, big-endian."""
    numbers = [int.from_bytes(digest, "big") for digest in digests]
    return len(numbers), (sum(numbers) % (1 << 256)).to_bytes(32, "big")


def stored_rows(connection: sqlite3.Connection, table: Table) -> Iterator[tuple[int, Row, bytes]]:
    """(rowid, row, stored digest) of every row, in the order in which they were written."""
    names = ", ".join(name for name, _ in table.columns)
    for rowid, *row, digest in connection.execute(
        f"SELECT rowid, {names}, digest FROM {table.name} ORDER BY rowid"  # noqa: S608 - our own constants
    ):
        yield rowid, tuple(row), digest


def stored_ledger(connection: sqlite3.Connection, table: Table) -> tuple[int, bytes] | None:
    """What the ledger says of a table; ``None`` when it says nothing, or contradicts itself."""
    entries = connection.execute("SELECT rows, sum FROM ledger WHERE name = ?", (table.name,)).fetchall()
    return entries[0] if len(entries) == 1 else None


def insert_row(connection: sqlite3.Connection, table: Table, row: Row, digest: bytes) -> None:
    """Append a row."""
    places = ", ".join("?" * (len(row) + 1))
    connection.execute(f"INSERT INTO {table.name} VALUES ({places})", (*row, digest))  # noqa: S608


def delete_row(connection: sqlite3.Connection, table: Table, key: Key) -> None:
    """Remove the row of a key."""
    where = " AND ".join(f"{name} = ?" for name, _ in table.columns[: table.keys])
    connection.execute(f"DELETE FROM {table.name} WHERE {where}", key)  # noqa: S608


def write_ledger(connection: sqlite3.Connection, table: Table, digests: Iterable[bytes]) -> None:
    """Make the ledger agree with the rows."""
    connection.execute("DELETE FROM ledger WHERE name = ?", (table.name,))
    connection.execute("INSERT INTO ledger VALUES (?, ?, ?)", (table.name, *ledger_entry(digests)))
